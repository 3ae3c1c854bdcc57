// A headless Chromium for the scripts that drive pages: opens one page, and keeps what it complained about and asked for.

import puppeteer from "puppeteer-core";

// `jobs` names the browser (chromium) and its patience (timeout, seconds); `seen` has the lists errors and addresses.
export async function openPage(jobs, seen, { width, height, dark = false, touch = false, scripts = true }) {
  const browser = await puppeteer.launch({
    executablePath: jobs.chromium,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(jobs.timeout * 1000);
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
  page.on("request", (request) => request.url().startsWith("data:") || seen.addresses.push(request.url()));
  await page.setViewport({ width, height, hasTouch: touch });
  await page.setJavaScriptEnabled(scripts);
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
  return { browser, page };
}
