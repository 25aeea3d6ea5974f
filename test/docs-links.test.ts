import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

const markdownIn = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(".md"));
const PAGES = ["", "docs/", "docs/adr/"].flatMap((folder) => {
  return markdownIn(folder || ".").map((name) => `${folder}${name}`);
});

describe.each(PAGES)("the links of %s", (page) => {
  it("lead to existing files and headings", () => {
    const broken = relativeLinksIn(page).filter(({ file, anchor }) => {
      if (!existsSync(file)) return true;
      return anchor !== undefined && !anchorsOf(file).includes(anchor);
    });
    expect(broken).toEqual([]);
  });
});

it.each(["docs", "docs/adr"])("the index of %s/ lists every page in it", (folder) => {
  const listed = relativeLinksIn(`${folder}/README.md`).map(({ file }) => file);
  const pages = markdownIn(folder).filter((name) => name !== "README.md" && !listed.includes(`${folder}/${name}`));
  expect(pages).toEqual([]);
});

// A page about the sources is wrong as soon as a file is renamed.
it.each(["docs/architecture.md", "CONTRIBUTING.md", ...markdownIn("docs/adr").map((name) => `docs/adr/${name}`)])(
  "the files and folders that %s names are there",
  (page) => {
    const named = [...readFileSync(page, "utf8").matchAll(/`((?:src|test|scripts|docs|schema)\/[\w./-]*)`/g)];
    expect(named.map(([, path = ""]) => path).filter((path) => !existsSync(path))).toEqual([]);
  },
);

function relativeLinksIn(page: string) {
  return [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = ""]) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [path = "", anchor] = target.split("#");
    return [{ file: path === "" ? page : normalize(join(dirname(page), path)), anchor }];
  });
}

/** Returns the anchors that GitHub gives to the headings: lower case, no punctuation, hyphens for spaces. */
function anchorsOf(page: string): readonly string[] {
  return [...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) => {
    return title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-");
  });
}

/** Returns a page without its fenced blocks, where nothing is a heading or a link. */
function prose(page: string): string {
  return readFileSync(page, "utf8").replace(/^```.*?^```$/gms, "");
}
