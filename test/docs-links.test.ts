import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

const PAGES = ["README.md", ...readdirSync("docs").flatMap((name) => (name.endsWith(".md") ? [`docs/${name}`] : []))];

describe.each(PAGES)("the links of %s", (page) => {
  it("lead to files that are there, and to headings in them", () => {
    const broken = relativeLinksIn(page).filter(({ file, anchor }) => {
      if (!existsSync(file)) return true;
      return anchor !== undefined && !anchorsOf(file).includes(anchor);
    });
    expect(broken).toEqual([]);
  });
});

it("has every page of docs/ in its index", () => {
  const listed = relativeLinksIn("docs/README.md").map(({ file }) => file);
  expect(PAGES.filter((page) => page !== "docs/README.md" && !listed.includes(page))).toEqual([]);
});

function relativeLinksIn(page: string) {
  return [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = ""]) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [path = "", anchor] = target.split("#");
    return [{ file: path === "" ? page : normalize(join(dirname(page), path)), anchor }];
  });
}

/** As GitHub makes them of headings: in lower case, without punctuation, with hyphens for spaces. */
function anchorsOf(page: string): readonly string[] {
  return [...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) => {
    return title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-");
  });
}

/** A page without its fenced blocks, in which nothing is a heading or a link. */
function prose(page: string): string {
  return readFileSync(page, "utf8").replace(/^```.*?^```$/gms, "");
}
