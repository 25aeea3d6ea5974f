import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeLogLine, makePrintable } from "../../../src/cli/terminal/safe-output.ts";

const COMMANDS = ["::error::pwned", "  ::warning file=a::pwned", "<3>pwned", "##[error]pwned"];

describe("a line of the log", () => {
  it.each(COMMANDS)("does not start with %s", (text) => {
    expect(makeLogLine(text)).not.toMatch(/^\s*(::|<\d)|##\[/);
  });
  it("is one line, whatever its text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(makeLogLine(text)).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }),
    );
  });
});

describe("printed text", () => {
  const styled = "\u001b[31mred\u001b[39m \u001b]8;;https://airtable.com/x\u0007rec1\u001b]8;;\u0007\n";
  it("keeps styles and links on a terminal only", () => {
    expect(makePrintable(styled, true)).toBe(styled);
    expect(makePrintable(styled, false)).not.toContain("\u001b");
  });
  it("holds no other sequence, and no command at the start of a line", () => {
    const text = `a\u001b]52;c;AAAA\u0007\u001b[2Jb\u009b1m\u202e\r\n${COMMANDS.join("\n")}\n`;
    for (const isTerminal of [true, false]) {
      const printed = makePrintable(text, isTerminal);
      expect(printed).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
      expect(printed).not.toMatch(/^\s*(::|<\d)|##\[/m);
      expect(printed.split("\n")).toHaveLength(6);
    }
  });
  it("is the same JSON", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(JSON.parse(makePrintable(JSON.stringify([{ text }], null, 2), false))).toEqual([{ text }]);
      }),
    );
  });
});
