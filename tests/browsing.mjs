// Opens a page in a headless Chromium and takes steps on it: node browsing.mjs JOBS.json. It prints what it saw as JSON.

import { readFileSync } from "node:fs";
import { openPage } from "./chromium.mjs";

const jobs = JSON.parse(readFileSync(process.argv[2], "utf8"));
const seen = { errors: [], addresses: [], values: [] };
const pause = () => new Promise((done) => setTimeout(done, 50));
const { screenshot, ...window } = jobs.window;
const { browser, page } = await openPage(jobs, seen, { width: 900, height: 800, ...window });
try {
  await page.goto(jobs.address);
  for (const step of jobs.steps) {
    if (step.wait !== undefined) await page.waitForFunction(step.wait);
    if (step.evaluate !== undefined) seen.values.push(await page.evaluate(step.evaluate));
    if (step.focus !== undefined) await page.focus(step.focus);
    if (step.click !== undefined) await page.click(step.click);
    if (step.type !== undefined) await page.keyboard.type(step.type);
    if (step.press !== undefined) await page.keyboard.press(step.press);
    if (step.drag !== undefined) {
      const [from, to] = step.drag;
      await page.mouse.move(...from);
      await page.mouse.down();
      await page.mouse.move(...to, { steps: 4 });
      await page.mouse.up();
    }
    if (step.tap !== undefined) {
      const [from, to] = step.tap;
      await page.touchscreen.touchStart(...from);
      await page.touchscreen.touchMove(...to);
      await page.touchscreen.touchEnd();
    }
    if (step.pinch !== undefined) {
      const fingers = [];
      for (const [from] of step.pinch) fingers.push(await page.touchscreen.touchStart(...from));
      for (const [at, [, to]] of step.pinch.entries()) await fingers[at].move(...to);
      for (const finger of fingers) await finger.end();
    }
    await pause();
  }
  if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
