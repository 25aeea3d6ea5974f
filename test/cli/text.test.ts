import { describe, expect, it } from "vitest";
import { formatDuration, sizeInWords } from "../../src/cli/terminal/format.ts";
import { progressLine } from "../../src/cli/terminal/progress.ts";
import { parseDuration } from "../../src/config/duration.ts";
import { suggestSpelling } from "../../src/config/suggest.ts";

describe("words for people", () => {
  it.each([
    [0, "0s"],
    [45_000, "45s"],
    [300_000, "5m"],
    [7_500_000, "2h 5m"],
    [90_061_000, "1d 1h"],
    [86_405_000, "1d"],
    [null, "?"],
  ])("says %s ms as %s", (age, words) => {
    expect(formatDuration(age)).toBe(words);
  });
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1_500, "1.5 kB"],
    [123_456_789, "123 MB"],
    [5e12, "5.0 TB"],
  ])("says %s bytes as %s", (bytes, words) => {
    expect(sizeInWords(bytes)).toBe(words);
  });
});

describe("the progress line", () => {
  it.each([
    [0, 0, 1_000, "probed 0 of 0 stuck jobs"],
    [0, 100, 2_000, "probed 0 of 100 stuck jobs"],
    [9, 100, 2_000, "probed 9 of 100 stuck jobs, 4.5/s, 21s left"],
    [100, 1_100, 2_000, "probed 100 of 1100 stuck jobs, 50/s, 20s left"],
    [1, 1_000, 10_000, "probed 1 of 1000 stuck jobs, 0.1/s, 2h 46m left"],
    [1_100, 1_100, 22_000, "probed 1100 of 1100 stuck jobs, 50/s"],
  ])("for %i of %i after %i ms is: %s", (done, found, elapsed, line) => {
    expect(progressLine(done, found, elapsed)).toBe(line);
  });
});

describe("durations", () => {
  it.each([
    ["90s", 90_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["7d", 604_800_000],
    ["1.5h", 5_400_000],
    ["5", null],
    ["", null],
    ["5 m", null],
    ["-5m", null],
    ["5M", null],
    ["m", null],
  ])("reads %s as %s", (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });
});

describe("suggestions", () => {
  it("finds the nearest word, or none", () => {
    expect(suggestSpelling("combin", ["combine", "concatenate"])).toBe("combine");
    expect(suggestSpelling("xyz", ["combine", "concatenate"])).toBeNull();
  });
});
