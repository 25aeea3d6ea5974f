import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder, run, stuckJobs } from "./cli.ts";
import { week } from "./stats-world.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--hide-scrollbars",
];

/** `npx vitest run test/e2e/stats-page.test.ts` with it set writes docs/stats.png. */
const KEEP = process.env.KEEP_SCREENSHOT === "1";

/** Runs Chromium on a page; `dark` has it prefer dark colours. */
async function browse(page: string, args: readonly string[], dark = false) {
  const profile = `--user-data-dir=${join(folder(), "profile")}`;
  const scheme = `--blink-settings=preferredColorScheme=${dark ? 0 : 1}`;
  const { stdout, code, stderr } = await run(CHROMIUM, [...FLAGS, profile, scheme, ...args, `file://${page}`], {
    env: { HOME: folder() },
  });
  expect(code, stderr).toBe(0);
  return stdout;
}

/** The page with a script in it, which puts what it finds into the title; its policy forbids scripts, and is left out. */
async function measured(html: string, width: number, expression: string): Promise<unknown> {
  const path = join(folder(), "measured.html");
  const script = `<script>document.title = JSON.stringify(${expression});</script>`;
  writeFileSync(path, html.replace(/<meta http-equiv.*\n/, "").replace("</body>", `${script}</body>`));
  const dom = await browse(path, [`--window-size=${width},2000`, "--dump-dom"]);
  const [, title = ""] = /<title>(.*?)<\/title>/s.exec(dom) ?? [];
  return JSON.parse(title.replaceAll("&amp;", "&").replaceAll("&lt;", "<").replaceAll("&gt;", ">"));
}

describe.skipIf(!existsSync(CHROMIUM))(`the page of stats, in ${CHROMIUM}`, { timeout: 300_000 }, () => {
  let made: Promise<string> | null = null;

  const page = () => {
    made ??= makePage();
    return made;
  };

  async function makePage(): Promise<string> {
    const { world, cwd } = await week();
    const config = join(cwd, "c.yaml");
    writeFileSync(config, "jobs: { fields: { completedAt: Completed At } }\n");
    const args = ["stats", "--config", config, "--html", "page.html"];
    expect(await stuckJobs(args, { cwd, env: world.env })).toMatchObject({ code: 0, stderr: "" });
    return readFileSync(join(cwd, "page.html"), "utf8");
  }

  it("is drawn, in light and in dark", async () => {
    const cwd = folder();
    const path = join(cwd, "page.html");
    writeFileSync(path, await page());
    const pictures: Buffer[] = [];
    for (const dark of [false, true]) {
      const picture = join(cwd, `${dark}.png`);
      await browse(path, ["--window-size=900,820", `--screenshot=${picture}`], dark);
      pictures.push(readFileSync(picture));
      if (KEEP && !dark) writeFileSync("docs/stats.png", readFileSync(picture));
    }
    const [light, dark] = pictures;
    for (const picture of pictures) expect(picture.length).toBeGreaterThan(20_000);
    expect(light?.equals(dark ?? Buffer.of())).toBe(false);
  });

  it("fits a narrow window, and gives every bar its colour, its place in the order of keys, and its words", async () => {
    const found = await measured(
      await page(),
      500,
      `{
        overflow: document.scrollingElement.scrollWidth - innerWidth,
        bars: [...document.querySelectorAll(".bar")].every((bar) =>
          bar.tabIndex === 0 && bar.getAttribute("aria-label") === bar.querySelector("title").textContent),
        outside: [...document.querySelectorAll(".bar rect:not(.area)")].filter((rect) => {
          const [inner, outer] = [rect.getBBox(), rect.ownerSVGElement.viewBox.baseVal];
          return inner.y < 0 || inner.y + inner.height > outer.height || inner.x + inner.width > outer.width;
        }).length,
        fills: [...new Set([...document.querySelectorAll(".bar rect:not(.area)")].map((rect) => getComputedStyle(rect).fill))].length,
        headings: [...document.querySelectorAll("h1, h2")].map(({ tagName }) => tagName).join(" ").replace(/( H2)+/, " H2"),
        tables: document.querySelectorAll("figure table").length,
      }`,
    );
    expect(found).toEqual({ overflow: 0, bars: true, outside: 0, fills: 5, headings: "H1 H2", tables: 3 });
  });
});
