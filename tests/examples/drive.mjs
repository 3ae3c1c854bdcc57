// Drives the page of examples/browser in a headless Chromium: node drive.mjs JOBS.json. It prints what it saw as JSON.

import { readFileSync, writeFileSync } from "node:fs";
import { openPage } from "./chromium.mjs";

const jobs = JSON.parse(readFileSync(process.argv[2], "utf8"));
const seen = { errors: [], addresses: [], results: [] };
const { browser, page } = await openPage(jobs, seen, { width: 900, height: 1000, ...jobs.window });
try {
  await page.goto(jobs.address);
  await page.waitForFunction(() => document.querySelectorAll("#model option").length > 0);
  seen.models = await page.$$eval("#model option", (options) => options.map((option) => option.value));
  seen.isolated = await page.evaluate(() => self.crossOriginIsolated);
  for (const job of jobs.pictures) {
    await page.select("#model", job.model);
    await page.evaluate((sigma) => {
      const [auto, level] = [document.getElementById("auto"), document.getElementById("sigma")];
      if (auto.checked !== (sigma === null)) auto.click();
      if (sigma !== null) level.value = sigma;
    }, job.sigma);
    await page.evaluate(() => (document.getElementById("status").textContent = ""));
    await (await page.$("#file")).uploadFile(job.picture);
    await page.waitForFunction(() => /^Restored|failed|not a picture/.test(document.getElementById("status").textContent));
    const result = await page.evaluate(() => {
      const canvas = document.getElementById("after");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let text = "";
      for (let at = 0; at < data.length; at += 4096) text += String.fromCharCode(...data.subarray(at, at + 4096));
      const status = document.getElementById("status");
      const link = document.getElementById("download");
      return { text: status.textContent, ...status.dataset, size: [canvas.width, canvas.height], file: link.download, pixels: btoa(text) };
    });
    writeFileSync(job.output, Buffer.from(result.pixels, "base64"));
    delete result.pixels;
    seen.results.push(result);
  }
  if (jobs.screenshot) await page.screenshot({ path: jobs.screenshot, fullPage: true });
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
