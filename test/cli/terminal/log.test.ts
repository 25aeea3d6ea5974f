import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_STYLE, isWritten, type LogStyle, renderLog } from "../../../src/cli/terminal/log.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const SWEEP: LogStyle = { ...DEFAULT_STYLE, command: "recover", runId: "run-1" };

describe("the log as text", () => {
  it("begins with the command, says that a warning is one, and ends with the run", () => {
    expect(renderLog("warn", ["clocks differ"], {}, SWEEP, NOW)).toBe(
      "stuck-jobs recover: warning: clocks differ run=run-1\n",
    );
  });
  it("is key=value where there is no message, quoted where it could be misread", () => {
    const fields = {
      job: "rec1",
      external: null,
      age: "2h 5m",
      applied: true,
      detail: 'says "no"\nand a=b',
      empty: "",
    };
    expect(renderLog("info", [], fields, SWEEP, NOW)).toBe(
      'job=rec1 external=- age="2h 5m" applied=true detail="says \\"no\\"\\nand a=b" empty="" run=run-1\n',
    );
  });
  it("gives the run on every line of a message, and the command on the first", () => {
    expect(renderLog("error", ["refused", "Check the token."], {}, SWEEP, NOW)).toBe(
      "stuck-jobs recover: refused run=run-1\nCheck the token. run=run-1\n",
    );
  });
  it("outside of a command names the program only for what is wrong", () => {
    expect(renderLog("error", ["refused"], {}, DEFAULT_STYLE, NOW)).toBe("stuck-jobs: refused\n");
    expect(renderLog("notice", ["Removed it"], {}, DEFAULT_STYLE, NOW)).toBe("Removed it\n");
  });
});

describe("the log as JSON", () => {
  const style: LogStyle = { ...SWEEP, format: "json" };
  it("is one object a line, with time, level, command and run", () => {
    expect(JSON.parse(renderLog("error", ["refused", "Check the token."], { job: "rec1" }, style, NOW))).toEqual({
      time: "2026-01-02T03:04:05.678Z",
      level: "error",
      command: "recover",
      runId: "run-1",
      message: "refused\nCheck the token.",
      job: "rec1",
    });
  });
  it("is one line whatever is logged", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (message, detail) => {
        const [line = "", ...rest] = renderLog("warn", [message], { detail }, style, NOW).split("\n");
        expect(rest).toEqual([""]);
        expect(JSON.parse(line)).toMatchObject({ detail });
      }),
    );
  });
});

describe("the log in the journal", () => {
  it.each([
    ["error", "<3>"],
    ["warn", "<4>"],
    ["notice", "<5>"],
    ["info", "<6>"],
  ] as const)("begins every line of an %s with %s", (level, priority) => {
    const lines = renderLog(level, ["one", "two"], {}, { ...SWEEP, systemd: true }, NOW)
      .trimEnd()
      .split("\n");
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line.startsWith(priority)).toBe(true);
  });
});

describe("levels", () => {
  it.each([
    ["error", ["error"]],
    ["notice", ["error", "warn", "notice"]],
    ["info", ["error", "warn", "notice", "info"]],
  ] as const)("down to %s let %s pass", (least, passing) => {
    const levels = ["error", "warn", "notice", "info"] as const;
    expect(levels.filter((level) => isWritten(level, { least }))).toEqual(passing);
  });
});
