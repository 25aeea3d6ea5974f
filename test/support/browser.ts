import { existsSync } from "node:fs";
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { onTestFinished } from "vitest";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser of this machine; null where there is none, and then the tests of pages are skipped. */
export const BROWSER = [process.env.CHROMIUM ?? "", ...PLACES].find((path) => path !== "" && existsSync(path)) ?? null;

let launched: Promise<Browser> | null = null;

/** Opens a page in a window of this width, closed when the test is. The browser is shared by the tests of a file. */
export async function openPage(
  url: string,
  { width = 1280, height = 900, dark = false, bypassPolicy = false } = {},
): Promise<Page> {
  launched ??= puppeteer.launch({
    executablePath: BROWSER ?? "",
    // The test's own limit is the only one: a machine that has other work is slow.
    timeout: 0,
    protocolTimeout: 0,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  });
  const browser = await launched;
  const page = await browser.newPage();
  onTestFinished(async () => page.close());
  page.setDefaultTimeout(0);
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
  await page.setBypassCSP(bypassPolicy);
  await page.goto(url, { waitUntil: "load" });
  return page;
}

/** Ends the browser: for `afterAll`. */
export async function closeBrowser(): Promise<void> {
  await (await launched)?.close();
  launched = null;
}
