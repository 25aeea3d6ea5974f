import { describe, expect, it } from "vitest";
import {
  type Calibration,
  combine,
  fileNameOf,
  type ProbeResult,
  type UnknownCause,
} from "../../../src/core/domain/evidence.ts";

const url = "https://b.example/x.mp4";
const absent: ProbeResult = { result: "absent", url, detail: "HTTP 404" };
const unknown = (cause: UnknownCause): ProbeResult => ({ result: "unknown", url, detail: "?", cause });
const output = { url, bytes: 9, contentType: null, etag: null, lastModified: null };
const present: ProbeResult = { result: "present", url, detail: "HTTP 200", output };
const calibration = (kind: Calibration["kind"]): Calibration => ({ kind, detail: "" });

describe("combine", () => {
  it.each<[string, ProbeResult[], Calibration | null, unknown]>([
    ["one present is enough", [absent, unknown("unreachable"), present], null, { kind: "present", output, others: [] }],
    ["absent takes every name", [absent, absent], null, { kind: "absent" }],
    [
      "one unknown is enough for unknown",
      [absent, unknown("unreachable")],
      null,
      { kind: "unknown", cause: "unreachable" },
    ],
    ["without a probe there are no names", [], null, { kind: "no-names" }],
    ["a 403 before calibration is unknown", [unknown("forbidden")], null, { kind: "unknown", cause: "forbidden" }],
    ["a 403 where missing is 403 is absent", [unknown("forbidden")], calibration("missing-is-403"), { kind: "absent" }],
    [
      "a 403 where missing is 404 is not",
      [unknown("forbidden")],
      calibration("missing-is-404"),
      { kind: "unknown", cause: "forbidden" },
    ],
    ["a 404 where missing is 404 is absent", [absent], calibration("missing-is-404"), { kind: "absent" }],
    [
      "a 404 where missing is 403 is odd",
      [absent],
      calibration("missing-is-403"),
      { kind: "unknown", cause: "unexpected" },
    ],
    [
      "a 404 proves nothing when calibration failed",
      [absent],
      calibration("failed"),
      { kind: "unknown", cause: "unexpected" },
    ],
    ["a 403 neither", [unknown("forbidden")], calibration("failed"), { kind: "unknown", cause: "forbidden" }],
    [
      "an empty file is reported before a time-out",
      [unknown("unreachable"), unknown("suspect")],
      null,
      { kind: "unknown", cause: "suspect" },
    ],
  ])("%s", (_, probes, given, expected) => {
    expect(
      combine(
        probes.map((sighting) => [sighting]),
        given,
      ),
    ).toEqual(expected);
  });

  it.each<[string, ProbeResult[][], unknown]>([
    [
      "all files of an output that has several are one output",
      [[present, present]],
      { kind: "present", output, others: [output] },
    ],
    ["some of them are not enough", [[present, absent]], { kind: "partial", there: 1, of: 2 }],
    [
      "some of them with one that is not known neither",
      [[present, unknown("unreachable")]],
      { kind: "partial", there: 1, of: 2 },
    ],
    [
      "an alternative that is there is enough all the same",
      [[present, absent], [present]],
      { kind: "present", output, others: [] },
    ],
    ["none of them is absent", [[absent, absent], [absent]], { kind: "absent" }],
    [
      "one unknown among them is unknown",
      [[absent, unknown("unreachable")]],
      { kind: "unknown", cause: "unreachable" },
    ],
  ])("%s", (_, looks, expected) => {
    expect(combine(looks, null)).toEqual(expected);
  });

  it("fileNameOf returns the last part of a URL, decoded", () => {
    expect(fileNameOf("https://b.example/p/a%20b.mp4?X-Amz-Signature=1#f")).toBe("a b.mp4");
    expect(fileNameOf("https://b.example/p/%E0%A4%A.mp4")).toBe("%E0%A4%A.mp4");
  });
});
