import { Chalk } from "chalk";
import fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { recordUrls, takesLinks } from "../../src/cli/render/links.ts";
import { type JobsCanvas, renderTable } from "../../src/cli/render/table.ts";
import { cut, wrap } from "../../src/cli/render/text.ts";
import type { ProbeResult } from "../../src/core/domain/evidence.ts";
import { REASONS } from "../../src/core/domain/verdict.ts";
import { HOUR, MINUTE } from "../support/builders.ts";
import { entry, held, outputAt, reportOf, verdict } from "../support/reports.ts";

const PLAIN: JobsCanvas = { columns: 112, chalk: new Chalk({ level: 0 }), all: false, isPlan: false, urlOf: null };

const seen: ProbeResult = {
  result: "present",
  url: "https://b.example/x.mp4",
  detail: "HTTP 200",
  output: outputAt("x.mp4"),
};

/** Something of everything: wide and hostile names, errors, the brake, and a long tail. */
const REPORT = reportOf(
  [
    entry(1, { verdict: verdict("output-found"), applied: true, age: 44 * MINUTE }),
    entry(2, { verdict: verdict("late-output"), applied: true, operation: "動画結合", age: 2 * HOUR }),
    entry(3, { verdict: verdict("output-absent"), applied: true, age: 49 * HOUR, operation: "concatenate" }),
    entry(4, { verdict: verdict("output-absent"), error: "HTTP 422 INVALID_MULTIPLE_CHOICE_OPTIONS" }),
    entry(5, { verdict: verdict("brake-engaged"), operation: "add_music" }),
    entry(6, { verdict: verdict("output-under-another-name"), age: null }),
    entry(7, { verdict: verdict("operation-unknown"), operation: null, type: "ナレーション🎙️", target: null }),
    entry(8, { verdict: verdict("target-missing"), type: "\u001b[2Jred\n\u202eevil", operation: null, target: null }),
    entry(9, { verdict: verdict("beyond-max-age"), age: 72 * HOUR, target: null }),
    ...Array.from({ length: 45 }, (_, n) => entry(100 + n, { age: (10 + n) * MINUTE })),
  ],
  { brake: [held("add_music")], truncated: true },
);

describe("the table", () => {
  it.each([60, 80, 112, 200])("at %i columns is as it was", async (columns) => {
    await expect(renderTable(REPORT, { ...PLAIN, columns })).toMatchFileSnapshot(`golden/table-${columns}.txt`);
  });
  it("in colours, with links, is as it was", async () => {
    const urlOf = recordUrls("appTest0000000001", "tblJobs0000000001");
    const canvas = { ...PLAIN, chalk: new Chalk({ level: 1 }), urlOf };
    await expect(renderTable(REPORT, canvas)).toMatchFileSnapshot("golden/table-colours.txt");
  });
  it("without jobs is one line", () => {
    expect(renderTable(reportOf([]), PLAIN)).toMatch(/^No stuck jobs\. 14 Airtable requests, .*\n$/);
  });
  it("shows the first of a long group and counts the rest, unless all are wanted", () => {
    const jobs = reportOf(Array.from({ length: 500 }, (_, n) => entry(n)));
    const shown = renderTable(jobs, PLAIN).split("\n");
    expect(shown.filter((line) => line.startsWith("recJob"))).toHaveLength(20);
    expect(shown).toContain("… and 480 more (wait): --all");
    const all = renderTable(jobs, { ...PLAIN, all: true }).split("\n");
    expect(all.filter((line) => line.startsWith("recJob"))).toHaveLength(500);
    expect(all.join()).not.toContain("more (");
  });
  it("shows the oldest of very many, wherever they stand", () => {
    const ages = Array.from({ length: 3_000 }, (_, n) => (n * 1_237) % 3_000);
    const lines = renderTable(reportOf(ages.map((age, n) => entry(n, { age: age * MINUTE }))), PLAIN).split("\n");
    const oldest = Array.from(
      { length: 20 },
      (_, n) => `recJob0000000${String(ages.indexOf(2_999 - n)).padStart(4, "0")}`,
    );
    expect(lines.filter((line) => line.startsWith("recJob")).map((line) => line.slice(0, 17))).toEqual(oldest);
    expect(lines).toContain("… and 2980 more (wait): --all");
  });
  it("does not save a single line", () => {
    const text = renderTable(reportOf(Array.from({ length: 21 }, (_, n) => entry(n))), PLAIN);
    expect(text).not.toContain("more (");
  });
  it("moves no cursor, whatever the base's names hold", () => {
    const text = renderTable(REPORT, PLAIN);
    expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202e]/u);
  });

  const names = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 40 }),
    fc.constantFrom("動画結合動画結合動画結合", "🎬🎬🎬"),
  );
  const jobs = fc.array(
    fc.record({
      operation: fc.option(names),
      type: fc.option(names),
      verdict: fc.constantFrom(...Object.values(REASONS).flat()).map((reason) => verdict(reason)),
      target: fc.option(fc.record({ table: names, id: fc.constant("recTarget00000001"), field: names })),
    }),
    { maxLength: 60 },
  );
  it("is never wider than the terminal, and never cuts job, verdict or reason", () => {
    fc.assert(
      fc.property(jobs, fc.integer({ min: 60, max: 220 }), (changes, columns) => {
        const entries = changes.map((change, n) => entry(n, change));
        const lines = renderTable(reportOf(entries), { ...PLAIN, columns }).split("\n");
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
        const rows = lines.filter((line) => line.startsWith("recJob"));
        for (const row of rows) expect(row).toMatch(/^recJob\d{11} .*. (recover|fail|wait|skip|unknown) +[a-z-]+( |$)/);
      }),
      { numRuns: 60 },
    );
  });
});

describe("an operation without any output", () => {
  const forbidden = (n: number) =>
    ({ result: "unknown", cause: "forbidden", url: `https://b.example/${n}.mp4`, detail: "HTTP 403" }) as const;
  const young = [1, 2, 3].map((n) => entry(n, { probes: [forbidden(n)], verdict: verdict("output-not-visible") }));
  const HINT =
    "No output of combine was found for any of 3 probed jobs, for example at https://b.example/1.mp4. If the files are elsewhere, correct storage.baseUrl or operations.combine.outputs; stuck-jobs doctor probes a known output.";
  const wide = { ...PLAIN, columns: 400 };

  it("is pointed out while its jobs are too young to be failed: the place may be wrong", () => {
    expect(renderTable(reportOf(young), wide)).toContain(HINT);
  });

  it("is not pointed out where one output is there, where too few jobs were probed, or where the brake says so", () => {
    const present = entry(4, { verdict: verdict("output-found"), probes: [seen] });
    expect(renderTable(reportOf([...young, present]), wide)).not.toContain("No output of");
    expect(renderTable(reportOf(young.slice(1)), wide)).not.toContain("No output of");
    expect(renderTable(reportOf(young, { brake: [held("combine")] }), wide)).not.toContain("No output of");
  });
});

describe("texts of others", () => {
  it.each([
    ["short", 10, "short"],
    ["concatenate", 9, "concaten…"],
    ["動画結合", 5, "動画…"],
    ["動画結合", 6, "動画…"],
    ["👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", 5, "👨‍👩‍👧👨‍👩‍👧…"],
  ])("%s in %i columns is %s", (text, width, expected) => {
    expect(cut(text, width)).toBe(expected);
  });
  it("are wrapped between words, with an indent", () => {
    expect(wrap("Next: stuck-jobs recover --dry-run", 24)).toEqual(["Next: stuck-jobs recover", "  --dry-run"]);
    expect(wrap("Next: stuck-jobs recover --dry-run", 20)).toEqual(["Next:", "  stuck-jobs recover", "  --dry-run"]);
    expect(wrap("    some more", 9)).toEqual(["    some", "    more"]);
  });
});

describe("links", () => {
  it.each([
    [{ TERM_PROGRAM: "iTerm.app", TERM_PROGRAM_VERSION: "3.5.0" }, true],
    [{ TERM_PROGRAM: "iTerm.app", TERM_PROGRAM_VERSION: "3.0.9" }, false],
    [{ TERM_PROGRAM: "vscode", TERM_PROGRAM_VERSION: "1.95.3" }, true],
    [{ TERM_PROGRAM: "WezTerm", TERM_PROGRAM_VERSION: "20240203-110809-5046fc22" }, true],
    [{ TERM_PROGRAM: "Apple_Terminal", TERM_PROGRAM_VERSION: "453" }, false],
    [{ TERM_PROGRAM: "tmux", TERM_PROGRAM_VERSION: "3.3a", TERM: "screen-256color" }, false],
    [{ VTE_VERSION: "7200" }, true],
    [{ VTE_VERSION: "5000" }, false],
    [{ VTE_VERSION: "4800" }, false],
    [{ TERM: "xterm-kitty" }, true],
    [{ TERM: "xterm-kitty", CI: "true" }, false],
    [{ WT_SESSION: "1", TERM: "dumb" }, false],
    [{ TERM: "xterm-256color" }, false],
    [{ TERM: "xterm-256color", FORCE_HYPERLINK: "1" }, true],
    [{ WT_SESSION: "1", FORCE_HYPERLINK: "0" }, false],
  ])("in %o: %s", (env, expected) => {
    expect(takesLinks(env)).toBe(expected);
  });
  it("lead to a record where the table's id is known, and are none where only its name is", () => {
    expect(recordUrls("appA", "tblJobs0000000001")?.("recB")).toBe("https://airtable.com/appA/tblJobs0000000001/recB");
    expect(recordUrls("appA", "Jobs")).toBeNull();
  });
});
