import type { Job } from "../../src/core/domain/job.ts";
import type { Operation, OutputPattern, Thresholds } from "../../src/core/domain/operation.ts";
import type { Policy } from "../../src/core/sweep/decide/triage.ts";

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** The moment at which the tests' clocks stand. */
export const NOW = Date.parse("2026-03-01T12:00:00.000Z");

export const THRESHOLDS: Thresholds = {
  stuckAfter: 5 * MINUTE,
  failAfter: HOUR,
  maxAge: 24 * HOUR,
  providerCap: 6 * HOUR,
};

export const SEGMENT = "recSegment0000001";
export const VIDEO = "recVideo000000001";

/** One alternative among the names of an output. */
export function named(pattern: string): OutputPattern {
  return { pattern, all: false, count: null, from: 0, mayPredate: false };
}

export const COMBINE: Operation = {
  name: "combine",
  types: ["combine"],
  isDefault: false,
  targetKind: "record",
  outputs: [named("{externalId}_output_0.mp4")],
  target: { table: "Segments", links: ["Segments", "Related Segment Video"], payloadKeys: ["segment_id", "record_id"] },
  attachment: "Voiceover + Video",
  deliver: { field: "Voiceover + Video", as: "attachment" },
  set: { Status: "combined" },
  setFrom: {},
  onExisting: "skip",
  check: null,
  provider: null,
  completeVia: "direct",
  fallback: "direct",
  webhookEndpoint: null,
  thresholds: THRESHOLDS,
};

export const CONCATENATE: Operation = {
  name: "concatenate",
  types: ["concatenate"],
  isDefault: false,
  targetKind: "record",
  outputs: [named("{externalId}.mp4"), named("{externalId}_output_0.mp4")],
  target: { table: "Videos", links: ["Related Video"], payloadKeys: ["video_id", "record_id"] },
  attachment: "Combined Segments Video",
  deliver: { field: "Combined Segments Video", as: "attachment" },
  set: {},
  setFrom: {},
  onExisting: "skip",
  check: null,
  provider: null,
  completeVia: "direct",
  fallback: "direct",
  webhookEndpoint: null,
  thresholds: THRESHOLDS,
};

export const POLICY: Policy = {
  stuckStatuses: ["processing"],
  operations: [COMBINE, CONCATENATE],
  thresholds: THRESHOLDS,
  mode: "recover",
  failEnabled: true,
};

/** A stuck combine job of ten minutes, or what the test needs instead. */
export function job(over: Partial<Job> & { readonly age?: number } = {}): Job {
  const { age = 10 * MINUTE, ...fields } = over;
  return {
    id: "recJob00000000001",
    status: "processing",
    type: "combine",
    externalId: "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11",
    since: { kind: "at", at: NOW - age },
    startedAt: { kind: "at", at: NOW - age },
    applicationId: null,
    payload: { kind: "empty" },
    webhookUrl: null,
    links: { Segments: [SEGMENT] },
    fields: {},
    notes: "",
    responsePayload: "",
    error: null,
    ...fields,
  };
}
