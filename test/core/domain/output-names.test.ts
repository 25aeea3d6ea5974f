import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OutputPattern } from "../../../src/core/domain/operation.ts";
import { externalIdsIn, outputNames } from "../../../src/core/domain/output-names.ts";
import { parsePayload } from "../../../src/core/domain/payload.ts";
import { COMBINE, CONCATENATE, job, named } from "../../support/builders.ts";

const PAYLOAD = parsePayload("{'clips': ['a', 'b', 'c'], 'slug': 'x-1', 'bad': '../x', 'n': 2}");
const JOB = job({ id: "recJob00000000001", externalId: "abc", payload: PAYLOAD });

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
  ])("are %s", (_, outputs, sets) => {
    expect(names(...outputs)).toEqual({ kind: "named", sets });
  });

  it.each([
    ["a key that is not there", named("{payload.nope}_{externalId}.mp4"), "{payload.nope}"],
    ["a value that would leave the folder", named("{payload.bad}_{externalId}.mp4"), "{payload.bad}"],
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
