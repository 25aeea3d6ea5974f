import { expect, it } from "vitest";
import { type ExitCode, exitCodeOfAll } from "../../src/cli/exit-codes.ts";

it.each<[string, readonly ExitCode[], ExitCode]>([
  ["all well", [0, 0], 0],
  ["an internal error before all else", [0, 75, 10, 3, 6, 5, 4, 130, 1], 1],
  ["that it was stopped", [4, 143], 143],
  ["a refused token", [0, 75, 10, 3, 6, 5, 4], 4],
  ["an upstream that cannot be had", [3, 6, 5, 0], 5],
  ["a brake", [3, 6, 0], 6],
  ["a part that was not written", [75, 3, 0], 3],
  ["a lock", [75, 0], 75],
  ["stuck jobs", [10, 0], 10],
  ["a base that does not fit as a part, where others were swept", [2, 0], 3],
  ["a base that does not fit as that, where nothing was written", [2, 75, 2], 2],
])("the exit code of several bases is that of %s", (_, codes, expected) => {
  expect(exitCodeOfAll(codes)).toBe(expected);
});
