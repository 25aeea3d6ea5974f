import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  appendLine,
  COMPLETED_PREFIX,
  completedLine,
  FAILED_PREFIX,
  foldLines,
  parseNotedFiles,
  REDELIVERED_PREFIX,
  redeliveredLine,
  UNDELIVERED_PREFIX,
  UNDONE_PREFIX,
} from "../../../src/core/domain/notes.ts";
import { NOW } from "../../support/builders.ts";

const BY = { runId: "run-1", version: "0.0.0" };
const MARKS = [COMPLETED_PREFIX, FAILED_PREFIX, REDELIVERED_PREFIX, UNDELIVERED_PREFIX, UNDONE_PREFIX];

const ownLine = fc
  .tuple(fc.constantFrom(...MARKS), fc.nat({ max: 10 ** 9 }), fc.stringMatching(/^[a-z (),]{0,20}$/))
  .map(([mark, at, words]) => `${mark}${new Date(at).toISOString()}: ${words} [stuck-jobs 0.0.0, run r-${at}]`);
const foreignLine = fc.oneof(
  fc.stringMatching(/^[ -~]{0,30}$/),
  fc.constantFrom("", "Completed via polling at noon, says Ann", "… and more", "[stuck-jobs 0.0.0, run r]"),
);
const cell = fc.array(fc.oneof({ weight: 3, arbitrary: ownLine }, foreignLine), { maxLength: 40 });

const isOwn = (line: string) => MARKS.some((mark) => line.startsWith(mark)) && line.endsWith("]");
const isFold = (line: string) => /^\.\.\. and \d+ earlier lines? of stuck-jobs$/.test(line);

describe("appendLine", () => {
  it("keeps at most ten of our lines, and everything that others wrote", () => {
    fc.assert(
      fc.property(cell, (lines) => {
        const folded = foldLines(lines.join("\n")).split("\n");
        expect(folded.filter(isOwn).length).toBeLessThanOrEqual(10);
        const foreign = (all: readonly string[]) => all.filter((line) => !isOwn(line) && !isFold(line));
        expect(foreign(folded)).toEqual(foreign(lines.join("\n").split("\n")));
      }),
    );
  });

  it("gives up our own oldest lines in a full cell, and never what others wrote", () => {
    const own = (n: number) =>
      `${COMPLETED_PREFIX}${new Date(NOW + n).toISOString()}: x [stuck-jobs 0.0.0, run r-${n}]`;
    const theirs = "p".repeat(99_890);
    const full = `${theirs}\n${own(1)}`;
    expect(appendLine(full, own(2))).toBe(`${theirs}\n${own(2)}`);
    const filled = "p".repeat(99_950);
    expect(appendLine(filled, own(1))).toBe(filled);
  });

  it("changes nothing the second time", () => {
    fc.assert(
      fc.property(cell, (lines) => {
        const once = foldLines(lines.join("\n"));
        expect(foldLines(once)).toBe(once);
      }),
    );
  });

  it("counts every line that was folded so far", () => {
    fc.assert(
      fc.property(cell, (lines) => {
        const notes = lines.reduce((text, line) => (isOwn(line) ? appendLine(text, line) : `${text}\n${line}`), "");
        const all = notes.split("\n");
        const [, count = "0"] = /^\.\.\. and (\d+) /m.exec(notes) ?? [];
        expect(all.filter(isOwn).length + Number(count)).toBe(lines.filter(isOwn).length);
      }),
    );
  });

  it("keeps the newest line of each kind, which later sweeps look for", () => {
    fc.assert(
      fc.property(cell, (lines) => {
        const folded = foldLines(lines.join("\n"));
        for (const mark of MARKS) {
          const last = lines.findLast((line) => isOwn(line) && line.startsWith(mark));
          if (last !== undefined)
            expect(folded.split("\n").findLast((line) => isOwn(line) && line.startsWith(mark))).toBe(last);
        }
      }),
    );
  });

  it("keeps the size of the last delivery readable", () => {
    const output = { url: "https://b/x.mp4", bytes: 7, contentType: null, etag: '"e"', lastModified: null };
    const gathered = { probeGroups: [], providerReply: null, rule: "output-found" };
    const lines = Array.from({ length: 14 }, (_, n) => completedLine([output], gathered, NOW + n, BY));
    const notes = lines.reduce(appendLine, "made by the app");
    expect(notes.split("\n").slice(0, 2)).toEqual(["made by the app", "... and 4 earlier lines of stuck-jobs"]);
    expect(parseNotedFiles(notes)).toEqual([{ name: "x.mp4", bytes: 7, id: null }]);
  });
});

describe("parseNotedFiles", () => {
  it("reads the files, sizes and ids of the last delivery, not of the first", () => {
    const file = (name: string, bytes: number) => {
      return { url: `https://b.example/${name}`, bytes, contentType: null, etag: null, lastModified: null };
    };
    const gathered = { probeGroups: [], providerReply: null, rule: "output-found" };
    const first = completedLine([file("a.mp4", 1), file("b.mp4", 2)], gathered, NOW, BY, new Map([["a.mp4", "att1"]]));
    expect(parseNotedFiles(first)).toEqual([
      { name: "a.mp4", bytes: 1, id: "att1" },
      { name: "b.mp4", bytes: 2, id: null },
    ]);
    const second = completedLine([file("a.mp4", 3)], gathered, NOW + 1, BY, new Map([["a.mp4", "att3"]]));
    expect(parseNotedFiles(`${first}\n${second}`)).toEqual([{ name: "a.mp4", bytes: 3, id: "att3" }]);
    const again = redeliveredLine([file("a.mp4", 3)], new Map([["a.mp4", "att4"]]), "F holds 1 of 3 bytes", NOW, BY);
    expect(parseNotedFiles(`${first}\n${second}\n${again}`)).toEqual([{ name: "a.mp4", bytes: 3, id: "att4" }]);
  });
});

describe("completedLine", () => {
  it("names the files with their answers, the rule, the run and the version", () => {
    const output = { url: "https://b/x.mp4", bytes: 7, contentType: null, etag: '"e"', lastModified: null };
    const gathered = { probeGroups: [], providerReply: null, rule: "output-found" };
    expect(completedLine([output], gathered, NOW, BY)).toBe(
      'Completed via polling at 2026-03-01T12:00:00.000Z: found x.mp4 (HTTP 200, 7 bytes, ETag "e"); rule output-found [stuck-jobs 0.0.0, run run-1]',
    );
  });
});
