import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { violations } from "../support/accessibility.ts";
import { BROWSER, closeBrowser, openPage } from "../support/browser.ts";
import { folder, stuckJobs } from "./cli.ts";
import { week } from "./stats-world.ts";

/** `KEEP_SCREENSHOT=1 npx vitest run test/e2e/stats-page.test.ts` writes docs/stats.png. */
const KEEP = process.env.KEEP_SCREENSHOT === "1";

interface Made {
  readonly html: string;
  readonly json: {
    readonly needsPerson: readonly { readonly id: string; readonly reason: string; readonly failed: boolean }[];
    readonly incidents: readonly unknown[];
    readonly hours: readonly { readonly operation: string }[];
  };
}

let made: Promise<Made> | null = null;

/** The page of a week with everything in it, and the same numbers as JSON: made once. */
function page(): Promise<Made> {
  made ??= makePage();
  return made;
}

async function makePage(): Promise<Made> {
  const { world, cwd } = await week();
  writeFileSync(join(cwd, "c.yaml"), "jobs: { fields: { completedAt: Completed At } }\n");
  const args = ["stats", "--config", "c.yaml", "--html", "page.html", "-o", "json"];
  const ran = await stuckJobs(args, { cwd, env: world.env });
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  return { html: readFileSync(join(cwd, "page.html"), "utf8"), json: JSON.parse(ran.stdout) };
}

/** The page as a file, opened. */
async function open(options: Parameters<typeof openPage>[1] = {}) {
  const path = join(folder(), "page.html");
  writeFileSync(path, (await page()).html);
  return openPage(`file://${path}`, options);
}

describe.skipIf(BROWSER === null)(
  `the page of stats, in ${BROWSER ?? "a browser (none is installed)"}`,
  { timeout: 300_000 },
  () => {
    afterAll(closeBrowser);

    it.each([
      [1280, false],
      [1280, true],
      [390, false],
      [390, true],
    ])("has no accessibility violations at %s px, dark: %s", async (width, dark) => {
      expect(await violations(await open({ width, dark, bypassPolicy: true }))).toEqual([]);
    });

    it("differs between light and dark, and asks nothing of the network", async () => {
      const pictures: Uint8Array[] = [];
      for (const dark of [false, true]) {
        const shown = await open({ width: 900, height: 820, dark });
        pictures.push(await shown.screenshot());
        if (KEEP && !dark) writeFileSync("docs/stats.png", await shown.screenshot());
        const loaded = await shown.evaluate("performance.getEntriesByType('resource').length");
        expect(loaded).toBe(0);
      }
      expect(Buffer.from(pictures[0] ?? []).equals(Buffer.from(pictures[1] ?? []))).toBe(false);
    });

    it("fits a narrow window, and gives every bar its colour, its place in the order of keys, and its words", async () => {
      const found = await (await open({ width: 390 })).evaluate(`({
      overflow: document.scrollingElement.scrollWidth - innerWidth,
      bars: [...document.querySelectorAll(".bar")].every((bar) =>
        bar.tabIndex === 0 && bar.getAttribute("aria-label") === bar.querySelector("title").textContent),
      outside: [...document.querySelectorAll(".bar rect:not(.area)")].filter((rect) => {
        const [inner, outer] = [rect.getBBox(), rect.ownerSVGElement.viewBox.baseVal];
        return inner.y < 0 || inner.y + inner.height > outer.height || inner.x + inner.width > outer.width;
      }).length,
      fills: [...new Set([...document.querySelectorAll(".bar rect:not(.area)")].map((rect) => getComputedStyle(rect).fill))].length,
      headings: [...document.querySelectorAll("h1, h2")].map(({ tagName }) => tagName).join(" ").replace(/( H2)+/, " H2"),
    })`);
      expect(found).toEqual({ overflow: 0, bars: true, outside: 0, fills: 5, headings: "H1 H2" });
    });

    it("shows the same numbers as -o json", async () => {
      const { json } = await page();
      const shown = await open();
      const ids = await shown.$$eval("#person-table tbody th", (cells) => cells.map(({ textContent }) => textContent));
      expect(ids).toEqual(json.needsPerson.map(({ id }) => id));
      expect(ids.length).toBeGreaterThan(2);
      const incidents = await shown.$$eval("section[aria-labelledby=incidents] tbody tr", (rows) => rows.length);
      expect(incidents).toBe(json.incidents.length);
      expect(incidents).toBeGreaterThan(0);
      const hours = await shown.$$eval(".heat tbody th", (cells) => cells.map(({ textContent }) => textContent));
      expect(hours).toEqual(json.hours.map(({ operation }) => operation));
    });

    it("filters what needs a person by keyboard alone, under its own policy", async () => {
      const { json } = await page();
      const shown = await open();
      const failed = json.needsPerson.filter((job) => job.failed);
      const visible = () =>
        shown.$$eval("#person-table tbody tr:not([hidden]) th", (cells) => cells.map(({ textContent }) => textContent));
      await shown.keyboard.press("Tab");
      expect(await shown.evaluate("document.activeElement.id")).toBe("filter-text");
      await shown.keyboard.type("FAILED: output");
      expect(await visible()).toEqual(failed.filter(({ reason }) => reason.startsWith("output")).map(({ id }) => id));
      expect(await shown.$eval("#filter-count", ({ textContent }) => textContent)).toMatch(
        new RegExp(`^\\d+ of ${json.needsPerson.length}$`),
      );
      await shown.keyboard.press("Escape");
      await shown.keyboard.press("Tab");
      await shown.keyboard.press("Tab");
      expect(await shown.evaluate("document.activeElement.id")).toBe("filter-reason");
      await shown.keyboard.press("ArrowDown");
      const reason = String(await shown.evaluate("document.activeElement.value"));
      const chosen = json.needsPerson.filter((job) => `${job.failed ? "failed: " : ""}${job.reason}` === reason);
      expect(chosen.length).toBeGreaterThan(0);
      expect(await visible()).toEqual(chosen.map(({ id }) => id));
    });

    it("prints everything: tables that are folded on the screen, and no form", async () => {
      const shown = await open();
      await shown.emulateMediaType("print");
      const found = await shown.evaluate(`({
      form: getComputedStyle(document.querySelector(".filter")).display,
      clipped: [...document.querySelectorAll(".scroll")].filter((each) => getComputedStyle(each).overflowX !== "visible").length,
    })`);
      expect(found).toEqual({ form: "none", clipped: 0 });
      expect((await shown.pdf({ format: "A4" })).length).toBeGreaterThan(20_000);
    });
  },
);
