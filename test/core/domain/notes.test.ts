import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  appendLine,
  COMPLETED_PREFIX,
  completedLine,
  FAILED_PREFIX,
  foldLines,
  parseNotedSize,
  REDELIVERED_PREFIX,
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
const isFold = (line: string) => /^… and \d+ earlier lines? of stuck-jobs$/.test(line);

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
        const [, count = "0"] = /^… and (\d+) /m.exec(notes) ?? [];
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
    expect(notes.split("\n").slice(0, 2)).toEqual(["made by the app", "… and 4 earlier lines of stuck-jobs"]);
    expect(parseNotedSize(notes, "x.mp4")).toBe(7);
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
