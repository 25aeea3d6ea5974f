import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OutputPattern } from "../../../src/core/domain/operation.ts";
import {
  externalIdsIn,
  fieldsInNames,
  isNamedById,
  isOutputName,
  namePrefixes,
  namesOfNeighbouringDates,
  outputNames,
} from "../../../src/core/domain/output-names.ts";
import { parsePayload } from "../../../src/core/domain/payload.ts";
import { COMBINE, CONCATENATE, job, named } from "../../support/builders.ts";

const PAYLOAD = parsePayload("{'clips': ['a', 'b', 'c'], 'slug': 'x-1', 'bad': '../x', 'n': 2}");
const STARTED = { kind: "at", at: Date.parse("2026-02-28T23:59:30.000Z") } as const;
const FIELDS = { Customer: "Müller & Co.", Slash: "a/b", Escape: "a%2Fb", Up: "..", Blank: "", Several: null };
const JOB = job({
  id: "recJob00000000001",
  externalId: "abc",
  payload: PAYLOAD,
  startedAt: STARTED,
  fields: FIELDS,
});

function names(...outputs: readonly OutputPattern[]) {
  return outputNames({ ...COMBINE, outputs }, JOB);
}

function together(pattern: string, count: number | string | null = null, from = 0): OutputPattern {
  return { pattern, all: true, mayPredate: false, count, from };
}

describe("the names of an output", () => {
  it.each<[string, OutputPattern[], (readonly string[])[]]>([
    [
      "alternatives in their order",
      [named("{externalId}.mp4"), named("{externalId}_o.mp4")],
      [["abc.mp4"], ["abc_o.mp4"]],
    ],
    [
      "files that belong together",
      [together("{externalId}_0.mp4"), together("{externalId}_1.mp4")],
      [["abc_0.mp4", "abc_1.mp4"]],
    ],
    [
      "as one alternative among others",
      [named("{externalId}.mp4"), together("{externalId}_0.mp4"), together("{externalId}_1.mp4")],
      [["abc.mp4"], ["abc_0.mp4", "abc_1.mp4"]],
    ],
    [
      "a counted pattern",
      [together("{externalId}_split_{n}.mp4", 3, 1)],
      [["abc_split_1.mp4", "abc_split_2.mp4", "abc_split_3.mp4"]],
    ],
    ["a count from the payload's number", [together("{externalId}_{n}.mp4", "n")], [["abc_0.mp4", "abc_1.mp4"]]],
    [
      "a count from the payload's list",
      [together("{externalId}_{n}.mp4", "clips")],
      [["abc_0.mp4", "abc_1.mp4", "abc_2.mp4"]],
    ],
    ["the record's id", [named("{recordId}.mp4")], [["recJob00000000001.mp4"]]],
    ["the record's id for want of an own one", [named("{jobId}.mp4")], [["recJob00000000001.mp4"]]],
    ["a key of the payload", [named("{payload.slug}_{externalId}.mp4")], [["x-1_abc.mp4"]]],
    ["folders", [named("renders/{externalId}/final.mp4")], [["renders/abc/final.mp4"]]],
    [
      "the date of the job in UTC",
      [named("{startedAt:yyyy/MM/dd}/{externalId}_{startedAt:HH-mm}.mp4")],
      [["2026/02/28/abc_23-59.mp4"]],
    ],
    ["another field of the job", [named("{field.Customer}/{externalId}.mp4")], [["Müller & Co./abc.mp4"]]],
  ])("are %s", (_, outputs, sets) => {
    expect(names(...outputs)).toEqual({ kind: "named", sets });
  });

  it.each([
    ["a key that is not there", named("{payload.nope}_{externalId}.mp4"), "{payload.nope}"],
    ["a value that would leave the folder", named("{payload.bad}_{externalId}.mp4"), "{payload.bad}"],
    ["a field that is blank", named("{field.Blank}/{externalId}.mp4"), "{field.Blank}"],
    ["a field that holds several values", named("{field.Several}/{externalId}.mp4"), "{field.Several}"],
    ["a field that was not read", named("{field.constructor}/{externalId}.mp4"), "{field.constructor}"],
    ["a field that would be two folders", named("{field.Slash}/{externalId}.mp4"), "{field.Slash}"],
    ["a field that would be decoded", named("{field.Escape}/{externalId}.mp4"), "{field.Escape}"],
    [
      "a field that would lead to the folder above",
      named("{field.Up}/{externalId}.mp4"),
      "{field.Up}/{externalId}.mp4",
    ],
    ["a count that is not there", together("{externalId}_{n}.mp4", "nope"), "{n}"],
    ["a count that is no number", together("{externalId}_{n}.mp4", "slug"), "{n}"],
  ])("are not known with %s", (_, output, placeholder) => {
    expect(names(output)).toEqual({ kind: "incomplete", placeholder });
  });

  it("use the application's own id where the base has one", () => {
    expect(outputNames({ ...COMBINE, outputs: [named("{jobId}.mp4")] }, { ...JOB, applicationId: "J-7" })).toEqual({
      kind: "named",
      sets: [["J-7.mp4"]],
    });
  });

  it("have no hour where the date has no time", () => {
    const dated = { ...JOB, startedAt: { ...STARTED, latest: STARTED.at + 1 } };
    const outputs = [named("{startedAt:yyyy-MM-dd}/{externalId}.mp4"), named("{startedAt:HH}/{externalId}.mp4")];
    expect(outputNames({ ...COMBINE, outputs: outputs.slice(0, 1) }, dated)).toMatchObject({ kind: "named" });
    expect(outputNames({ ...COMBINE, outputs }, dated)).toEqual({ kind: "incomplete", placeholder: "{startedAt:HH}" });
  });

  it("of a worker whose clock says another day are those of the day before and after", () => {
    const outputs = [named("{startedAt:yyyy/MM/dd}/{externalId}.mp4"), named("{externalId}.mp4")];
    expect(namesOfNeighbouringDates({ ...COMBINE, outputs }, JOB)).toEqual([
      "2026/02/27/abc.mp4",
      "2026/03/01/abc.mp4",
    ]);
    const months = [named("{startedAt:yyyy-MM}/{externalId}.mp4")];
    expect(namesOfNeighbouringDates({ ...COMBINE, outputs: months }, JOB)).toEqual([
      "2026-01/abc.mp4",
      "2026-03/abc.mp4",
    ]);
  });

  it("begin, whatever follows, with each pattern up to the id, or with the id", () => {
    const outputs = [
      named("{field.Customer}/{externalId}_o.mp4"),
      named("{externalId}.mp4"),
      named("r/{recordId}/a.mp4"),
    ];
    expect(namePrefixes({ ...COMBINE, outputs }, JOB)).toEqual(["Müller & Co./abc", "abc", "r/recJob00000000001"]);
  });

  it("need the fields that the patterns contain", () => {
    const outputs = [
      named("{field.Customer}/{field.Shot No.}_{externalId}.mp4"),
      named("{field.Customer}.{externalId}"),
    ];
    expect(fieldsInNames([COMBINE, { ...COMBINE, outputs }])).toEqual(["Customer", "Shot No."]);
  });

  it("are recognized with their folders, dates and numbers, and no others", () => {
    const outputs = [named("r/{field.Customer}/{startedAt:yyyy/MM}/{externalId}_{n}.mp4"), named("all/{recordId}.mp4")];
    const isOutput = (name: string) => isOutputName({ ...COMBINE, outputs }, name);
    expect(isOutput("r/Acme/2026/03/x1_12.mp4")).toBe(true);
    expect(isOutput("r/Acme/sub/2026/03/x1_12.mp4")).toBe(false);
    expect(isOutput("r/Acme/2026/3/x1_12.mp4")).toBe(false);
    expect(isOutput("r/Acme/2026/03/x1_12xmp4")).toBe(false);
    expect(isOutput("all/recJob00000000001.mp4")).toBe(false);
  });

  it("name their job by the file, or by the folder alone", () => {
    const of = (pattern: string) => isNamedById({ ...COMBINE, outputs: [named(pattern)] });
    expect(of("a/{externalId}.mp4")).toBe(true);
    expect(of("{externalId}/final.mp4")).toBe(false);
    expect(of("{externalId}/{startedAt:yyyy/MM}.mp4")).toBe(false);
    expect(externalIdsIn({ ...COMBINE, outputs: [named("{externalId}/final.mp4")] }, "final.mp4")).toEqual([]);
    expect(externalIdsIn({ ...COMBINE, outputs: [named("r/{externalId}/{externalId}.mp4")] }, "x.mp4")).toEqual(["x"]);
  });

  it("give the external id back", () => {
    const id = fc.stringMatching(/^[A-Za-z0-9._-]{1,40}$/).filter((text) => text !== "." && text !== "..");
    const patterns = [named("{externalId}_output_0.mp4"), named("pre-{externalId}.mov")];
    fc.assert(
      fc.property(id, fc.constantFrom(...patterns), (externalId, output) => {
        const found = outputNames({ ...COMBINE, outputs: [output] }, { ...JOB, externalId });
        const [[name = ""] = []] = found.kind === "named" ? found.sets : [];
        expect(externalIdsIn({ ...COMBINE, outputs: patterns }, name)).toContain(externalId);
      }),
    );
  });

  it("give no id of names that are none of the operation's", () => {
    expect(externalIdsIn(COMBINE, "by hand.mp4")).toEqual([]);
    expect(externalIdsIn({ ...COMBINE, outputs: [named("{recordId}.mp4")] }, "x.mp4")).toEqual([]);
  });

  it("give every id that a name may hold, where the patterns overlap", () => {
    expect(externalIdsIn(CONCATENATE, "x1_output_0.mp4")).toEqual(["x1_output_0", "x1"]);
  });
});
