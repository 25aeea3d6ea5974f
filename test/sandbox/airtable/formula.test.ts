import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compile, FormulaError, type FormulaRecord } from "../../../src/sandbox/airtable/formula.ts";
import { field, quote } from "../../../src/stores/airtable/formula.ts";

const RECORD: FormulaRecord = {
  id: "recAAAAAAAAAAAAAA",
  createdTime: "2026-01-02T03:04:05.000Z",
  fields: {
    Status: "processing",
    Notes: "Recovered by the Sweep",
    Seconds: 7,
    Done: true,
    Due: "2026-03-01",
    Links: ["Scene 1", "Scene 2"],
    None: [],
    "Job {a}": "braces",
    "back\\slash": "slash",
    'it\'s "quoted"': "quotes",
    "Größe 🎬": "unicode",
  },
};
const NAMES = new Set([...Object.keys(RECORD.fields), "Blank"]);

function matches(formula: string, record: FormulaRecord = RECORD): boolean {
  return compile(formula, NAMES)(record);
}

function refusing(formula: string): () => unknown {
  return () => compile(formula, NAMES);
}

describe("fields", () => {
  it.each([
    "{Status}='processing'",
    "Status='processing'",
    "{Job {a\\}}='braces'",
    "{back\\\\slash}='slash'",
    "{it's \"quoted\"}='quotes'",
    "{Größe 🎬}='unicode'",
  ])("are named as in %s", (formula) => {
    expect(matches(formula)).toBe(true);
  });

  it.each([
    ["{Nope}=1", /nope/],
    ["{fldAAAAAAAAAAAAAA}=1", /fldaaaaaaaaaaaaaa/],
    ["constructor=1", /constructor/],
    ["{__proto__}=1", /__proto__/],
    ["OR(1,{Nope})", /nope/],
  ])("that are not in the table are refused by name: %s", (formula, message) => {
    expect(refusing(formula)).toThrow(FormulaError);
    expect(refusing(formula)).toThrow(message);
  });
});

describe("what the client escapes", () => {
  it("means itself, whatever it holds", () => {
    const nasty = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom(..."\\'\"{}()=,n\n\r\t ") }),
    );
    fc.assert(
      fc.property(nasty, nasty, (name, value) => {
        const cells = new Map([[name, value]]);
        const record = { ...RECORD, fields: Object.fromEntries(cells) };
        const found = compile(
          `AND(${field(name)}&''=${quote(value)},LEN(${quote(value)})=${value.length})`,
          new Set([name]),
        );
        expect(found(record)).toBe(true);
        expect(found({ ...record, fields: Object.fromEntries([[name, `${value}!`]]) })).toBe(false);
      }),
    );
  });

  it.each(["',TRUE(),'", "') OR TRUE() OR ('", "\\',TRUE(),\\'", "\\", "'", "\\\\'", "x'=''", "\n'\n"])(
    "cannot leave its literal: %j",
    (injected) => {
      expect(matches(`{Status}=${quote(injected)}`)).toBe(false);
      expect(matches(`OR({Status}=${quote(injected)},{Notes}=${quote(injected)})`)).toBe(false);
    },
  );

  it("cannot leave its braces", () => {
    expect(refusing(`${field("Status}=1,TRUE(),{Status")}=1`)).toThrow(/Unknown field names: status}=1/);
  });
});

describe("literals and operators", () => {
  it.each([
    `"a"='a'`,
    `'a\\nb'='a\nb'`,
    `"\\""='"'`,
    `'\\\\'="\\\\"`,
    "1+2*3=7",
    "(1+2)*3=9",
    "8-4-2=2",
    "8/4/2=1",
    "-2+3=1",
    "2*-3=-6",
    "--2=2",
    "1+2&3='33'",
    "'a'&1+1='a2'",
    "1<2",
    "2<=2",
    "3>2",
    "2>=2",
    "1!=2",
    " \n 1\t=\r\n1 ",
    "{Seconds}*2>13.5",
    "{Done}",
    "{Done}=TRUE()",
  ])("%j is true", (formula) => {
    expect(matches(formula)).toBe(true);
  });

  it.each(["0", "''", "FALSE()", "BLANK()", "1=2", "'a'='A'", "{Seconds}<7"])("%s is not", (formula) => {
    expect(matches(formula)).toBe(false);
  });
});

describe("blanks", () => {
  it.each([
    "{Blank}=''",
    "''={Blank}",
    "{Blank}=BLANK()",
    "BLANK()=''",
    "NOT({Blank})",
    "{Status}!=BLANK()",
    "{Status}!=''",
    "{Blank}<1",
    "{Blank}>-1",
    "{Blank}+1=1",
    "{Blank}&'x'='x'",
    "LEN({Blank})=0",
    "FIND('x',{Blank})=0",
  ])("%s", (formula) => {
    expect(matches(formula)).toBe(true);
  });

  it("are no match by themselves, and equal no text", () => {
    expect(matches("{Blank}")).toBe(false);
    expect(matches("{Blank}='processing'")).toBe(false);
  });
});

describe("lists", () => {
  it("read as their items with commas between", () => {
    expect(matches("{Links}='Scene 1, Scene 2'")).toBe(true);
    expect(matches("FIND('Scene 2',{Links})=10")).toBe(true);
    expect(matches("LEN({Links}&'')=16")).toBe(true);
  });

  it("are true unless empty, and blank when empty", () => {
    expect(matches("{Links}")).toBe(true);
    expect(matches("{None}")).toBe(false);
    expect(matches("{None}=''")).toBe(true);
  });
});

describe("functions", () => {
  it.each([
    "AND(1,'a',TRUE())",
    "OR(0,'',1)",
    "NOT(0)",
    "IF(1,'yes','no')='yes'",
    "IF(0,'yes','no')='no'",
    "IF(0,'yes')=BLANK()",
    "FIND('Sweep',{Notes})=18",
    "FIND('sweep',{Notes})=0",
    "FIND('e','eve',2)=3",
    "SEARCH('sweep',{Notes})=18",
    "SEARCH('zzz',{Notes})=0",
    "NOT(SEARCH('zzz',{Notes}))",
    "RECORD_ID()='recAAAAAAAAAAAAAA'",
    "LEN('abc')=3",
    "LOWER('ÀB')='àb'",
    "UPPER('àb')='ÀB'",
    "TRIM('  a b ')='a b'",
    "CONCATENATE('a',1,{Blank},'b')='a1b'",
    "VALUE('1.5')=1.5",
    "aNd(oR(0,1),true())",
  ])("%s", (formula) => {
    expect(matches(formula)).toBe(true);
  });

  it.each([
    ["AND(1,0)", false],
    ["OR(0,'')", false],
    ["NOT(1)", false],
  ])("%s is %s", (formula, expected) => {
    expect(matches(formula)).toBe(expected);
  });

  it("take 200 arguments, of which any may be the one", () => {
    const ids = Array.from({ length: 200 }, (_, index) => `RECORD_ID()='rec${index}'`);
    const found = compile(`OR(${ids.join(",")})`, NAMES);
    expect([0, 99, 199].map((index) => found({ ...RECORD, id: `rec${index}` }))).toEqual([true, true, true]);
    expect(found(RECORD)).toBe(false);
  });
});

describe("dates", () => {
  it.each([
    "IS_BEFORE(CREATED_TIME(),'2026-01-02T03:04:06.000Z')",
    "IS_AFTER(CREATED_TIME(),'2026-01-02T03:04:04.999Z')",
    "IS_SAME(CREATED_TIME(),'2026-01-02T03:04:05Z')",
    "IS_SAME(CREATED_TIME(),'2026-01-02T04:04:05+01:00')",
    "IS_BEFORE(CREATED_TIME(),{Due})",
    "IS_SAME({Due},DATETIME_PARSE('2026-03-01'))",
    "DATETIME_PARSE('2026-03-01')>DATETIME_PARSE('2026-02-28')",
    "CREATED_TIME()&''='2026-01-02T03:04:05.000Z'",
  ])("%s", (formula) => {
    expect(matches(formula)).toBe(true);
  });

  it("are neither before nor after themselves", () => {
    expect(matches("IS_BEFORE(CREATED_TIME(),CREATED_TIME())")).toBe(false);
    expect(matches("IS_AFTER(CREATED_TIME(),CREATED_TIME())")).toBe(false);
  });
});

describe("errors", () => {
  const ERRORS = ["DATETIME_PARSE('soon')", "IS_BEFORE({Status},'2026-01-01')", "IS_AFTER({Blank},'2026-01-01')"];
  const MORE = ["VALUE('abc')", "'a'+1", "-'a'", "{Links}*2"];

  it.each([...ERRORS, ...MORE])("%s is one: no match, and seen by ISERROR only", (error) => {
    expect(matches(error)).toBe(false);
    expect(matches(`NOT(${error})`)).toBe(false);
    expect(matches(`${error}=${error}`)).toBe(false);
    expect(matches(`${error}!=1`)).toBe(false);
    expect(matches(`CONCATENATE('a',${error})`)).toBe(false);
    expect(matches(`IF(${error},1,1)`)).toBe(false);
    expect(matches(`AND(1,${error})`)).toBe(false);
    expect(matches(`OR(${error},1)`)).toBe(false);
    expect(matches(`ISERROR(${error}&'')`)).toBe(true);
  });

  it("do not come from the branch that IF leaves out", () => {
    expect(matches("IF(0,VALUE('abc'),1)")).toBe(true);
    expect(matches("ISERROR(1)")).toBe(false);
  });
});

describe("refusals", () => {
  it.each([
    ["NOW()", /NOW/],
    ["TODAY()", /TODAY/],
    ["SUM(1,2)", /SUM/],
    ["__proto__()", /__proto__/],
    ["constructor()", /constructor/],
    ["toString()", /toString/],
    ["NOT()", /NOT/],
    ["NOT(1,2)", /NOT/],
    ["AND()", /AND/],
    ["IF(1)", /IF/],
    ["IF(1,2,3,4)", /IF/],
    ["RECORD_ID(1)", /RECORD_ID/],
    ["IS_BEFORE(1)", /IS_BEFORE/],
  ])("%s is refused by name", (formula, message) => {
    expect(refusing(formula)).toThrow(FormulaError);
    expect(refusing(formula)).toThrow(message);
  });

  it.each([
    "",
    "   ",
    "(",
    ")",
    "()",
    "1)",
    "(1",
    "AND(",
    "AND(1,",
    "AND(1,)",
    "AND(,1)",
    "AND 1",
    "1 2",
    "1=",
    "=1",
    "1==1",
    "1<>2",
    "!1",
    "1;1",
    "'a",
    '"a',
    "'a\\'",
    "{Status",
    "{Status\\}",
    "1.2.3",
    "$",
    "'a' 'b'",
    "{Status}{Notes}",
  ])("%j is no formula", (formula) => {
    expect(refusing(formula)).toThrow(FormulaError);
  });

  it("of any text are FormulaErrors", () => {
    const tokens = fc.constantFrom(
      "AND(",
      "(",
      ")",
      ",",
      "'",
      '"',
      "{",
      "}",
      "\\",
      "=",
      "-",
      "1",
      "{Status}",
      "NOT(",
      "'a'",
    );
    fc.assert(
      fc.property(fc.array(tokens, { maxLength: 30 }), (parts) => {
        try {
          expect(typeof matches(parts.join(""))).toBe("boolean");
        } catch (error) {
          expect(error).toBeInstanceOf(FormulaError);
        }
      }),
    );
  });

  it("come before the stack overflows", () => {
    expect(refusing(`${"(".repeat(40_000)}1${")".repeat(40_000)}`)).toThrow(FormulaError);
    expect(refusing(`${"NOT(".repeat(10_000)}1${")".repeat(10_000)}`)).toThrow(FormulaError);
  });
});
