import { describe, expect, it } from "vitest";
import { incidentLine } from "../../../../src/cli/render/summary.ts";
import type { ProbeResult } from "../../../../src/core/domain/evidence.ts";
import { toSummary } from "../../../../src/core/domain/job.ts";
import { NOTHING_REPORTED } from "../../../../src/core/domain/response-payload.ts";
import type { ItemResult } from "../../../../src/core/sweep/ledger.ts";
import { groupIncidents } from "../../../../src/core/sweep/report/incidents.ts";
import { COMBINE, HOUR, job, NOW, SEGMENT } from "../../../support/builders.ts";

const url = "https://b.example/x.mp4";
const THERE: ProbeResult = {
  result: "present",
  url,
  detail: "HTTP 200",
  output: { url, bytes: 1, contentType: null, etag: null, lastModified: null },
};
const MISSING: ProbeResult = { result: "absent", url, detail: "HTTP 404" };

function stuck(
  n: number,
  seen: ProbeResult,
  { worker = null, at = NOW - HOUR - n * 600_000 }: { worker?: string | null; at?: number } = {},
): ItemResult {
  const candidate = {
    operation: COMBINE,
    targetId: SEGMENT,
    externalId: "x",
    names: [["x.mp4"]],
    age: HOUR + 1,
    certainAge: HOUR + 1,
    began: null,
  };
  const answer = { kind: "forgotten", detail: "forgotten", worker } as const;
  const facts = {
    ...toSummary(job({ id: `recJob${String(n).padStart(11, "0")}` })),
    since: { kind: "at", at } as const,
  };
  const item = {
    job: facts,
    operation: "combine",
    age: HOUR,
    version: null,
    reopened: false,
    reported: NOTHING_REPORTED,
    candidate,
    verdict: null,
    target: null,
  };
  const providerReply = worker === null ? null : { provider: "nca", url, answer, probes: [] };
  const evidence = { probeGroups: [[seen]], providerReply, probedAt: NOW };
  return { item, evidence, verdict: null, target: null, applied: false, error: null };
}

function times(number: number, make: (n: number) => ItemResult): ItemResult[] {
  return Array.from({ length: number }, (_, n) => make(n));
}

describe("incidents", () => {
  it("are reported in one line when one worker ran the jobs", () => {
    const results = [
      ...times(12, (n) => stuck(n, THERE, { worker: "q1" })),
      ...times(5, (n) => stuck(n, MISSING, { worker: "q1" })),
    ];
    expect(groupIncidents(results).map(incidentLine)).toEqual([
      "17 jobs since 09:10 UTC, same worker: 12 have files, 5 do not",
    ]);
  });

  it("are reported when the jobs were created in the same minute", () => {
    const results = times(6, (n) => stuck(n, n < 2 ? THERE : MISSING, { at: NOW - HOUR + n * 1000 }));
    expect(groupIncidents(results).map(incidentLine)).toEqual([
      "6 jobs since 11:00 UTC, made in the same minute: 2 have files, 4 do not",
    ]);
  });

  it("are reported when an operation has no output at all", () => {
    expect(groupIncidents(times(5, (n) => stuck(n, MISSING))).map(({ cause, name }) => [cause, name])).toEqual([
      ["operation-without-output", "combine"],
    ]);
  });

  it("are not reported for a few jobs, nor for jobs that have nothing in common", () => {
    expect(groupIncidents(times(2, (n) => stuck(n, MISSING, { worker: "q1" })))).toEqual([]);
    expect(groupIncidents(times(9, (n) => stuck(n, n % 2 === 0 ? THERE : MISSING)))).toEqual([]);
  });
});
