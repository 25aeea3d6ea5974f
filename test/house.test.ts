import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { describe, expect, it } from "vitest";

// What docs/architecture.md says of the layout and the words, read from the sources.

const ADAPTERS = ["stores/airtable", "stores/postgres", "storage", "providers", "webhooks", "journal", "monitoring"];

const files = new Map(filesIn("src", /\.ts$/).map((file) => [file, readFileSync(file, "utf8")]));

describe("the layout of src/", () => {
  it("core imports nothing outside core: no other folder, no package, no module of Node", () => {
    const wrong = allImports().filter(({ from, to }) => partOf(from) === "core" && partOf(to) !== "core");
    expect(wrong.map(asLine)).toEqual([]);
  });

  it("adapters do not import each other", () => {
    const wrong = allImports().filter(({ from, to }) => {
      const [source, target] = [partOf(from), partOf(to)];
      return source !== target && ADAPTERS.includes(source) && ADAPTERS.includes(target);
    });
    expect(wrong.map(asLine)).toEqual([]);
  });

  it("only cli imports cli", () => {
    const wrong = allImports().filter(({ from, to }) => partOf(from) !== "cli" && partOf(to) === "cli");
    expect(wrong.map(asLine)).toEqual([]);
  });

  it("no folder has more than twenty files of its own", () => {
    const folders = [...files.keys()].map((file) => dirname(file));
    const full = [...new Set(folders)].filter((folder) => folders.filter((each) => each === folder).length > 20);
    expect(full).toEqual([]);
  });

  it("no files import each other, directly or through others, types included", () => {
    expect(importCircles().map((circle) => circle.join(" <-> "))).toEqual([]);
  });
});

/** Words that this project once used in a meaning of its own; docs/architecture.md has the ones to use instead. */
const PRIVATE_WORDS = /\b(told|tells|anew|elder|herds?|deeds?|rivals?|abroad|spill|what came of|what became of)\b/gi;

describe("the words", () => {
  it.each([
    // upgrade.ts names the keys of older journals.
    ["src", linesOf(filesIn("src", /\.ts$/).filter((file) => file !== "src/journal/upgrade.ts"))],
    ["test", linesOf(filesIn("test", /\.ts$/).filter((file) => file !== "test/house.test.ts"))],
    ["bench and scripts", linesOf([...filesIn("bench", /./), ...filesIn("scripts", /./)])],
    [
      "docs",
      linesOf([
        ...readdirSync(".").filter((name) => name.endsWith(".md")),
        ...filesIn("docs", /\.md$/),
        ...filesIn(".github", /\.(md|ya?ml)$/),
      ]),
    ],
    ["man", linesOf(filesIn("man", /\.1$/))],
    ["examples", linesOf(filesIn("examples", /./))],
  ])("in %s are those of the field", (_, lines) => {
    const found = lines.flatMap(({ place, text }) => {
      return [...text.matchAll(PRIVATE_WORDS)].map(([word]) => `${place}: "${word}" in: ${text.trim()}`);
    });
    expect(found).toEqual([]);
  });
});

interface Import {
  readonly from: string;
  /** A file of src/, or the name of a package. */
  readonly to: string;
}

function allImports(): readonly Import[] {
  return [...files].flatMap(([from, text]) => {
    return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']/g)].map(([, name = ""]) => {
      return { from, to: name.startsWith(".") ? relative(".", resolve(dirname(from), name)) : name };
    });
  });
}

/** The first folder below src/, for stores the first two; of a package its name. */
function partOf(file: string): string {
  const [root, folder = "", store] = file.split(sep);
  if (root !== "src") return file;
  return folder === "stores" ? `${folder}/${store}` : folder;
}

function asLine({ from, to }: Import): string {
  return `${from} imports ${to}`;
}

/** Groups of files that reach each other through imports (Tarjan's strongly connected components). */
function importCircles(): readonly (readonly string[])[] {
  const graph = new Map([...files.keys()].map((file) => [file, [] as string[]]));
  for (const { from, to } of allImports()) if (files.has(to)) graph.get(from)?.push(to);
  const circles: string[][] = [];
  const order = new Map<string, number>();
  const stack: string[] = [];
  const visit = (file: string): number => {
    let low = order.size;
    order.set(file, low);
    stack.push(file);
    for (const next of graph.get(file) ?? []) {
      if (!order.has(next)) low = Math.min(low, visit(next));
      else if (stack.includes(next)) low = Math.min(low, order.get(next) ?? low);
    }
    if (low === order.get(file)) {
      const circle = stack.splice(stack.indexOf(file));
      if (circle.length > 1) circles.push(circle);
    }
    return low;
  };
  for (const file of files.keys()) if (!order.has(file)) visit(file);
  return circles;
}

function linesOf(paths: readonly string[]) {
  return paths.flatMap((path) => {
    return readFileSync(path, "utf8")
      .split("\n")
      .map((text, index) => ({ place: `${path}:${index + 1}`, text }));
  });
}

function filesIn(folder: string, name: RegExp): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) =>
    entry.isFile() && name.test(entry.name) ? [join(entry.parentPath, entry.name)] : [],
  );
}
