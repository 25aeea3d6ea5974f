import * as z from "zod";
import type { RunRecord } from "../core/ports/journal.ts";
import type { RecordedJob } from "../core/replay/replay.ts";
import type { JournalLine } from "./read.ts";

const output = z.object({
  url: z.string(),
  bytes: z.number(),
  contentType: z.string().nullable(),
  etag: z.string().nullable(),
  lastModified: z.string().nullable(),
});
const probeFields = { url: z.string(), detail: z.string() };
const causes = ["forbidden", "unreachable", "suspect", "cached", "redirected", "unexpected"] as const;
const probeResult = z.discriminatedUnion("result", [
  z.object({ result: z.literal("present"), output, ...probeFields }),
  z.object({ result: z.literal("absent"), ...probeFields }),
  z.object({ result: z.literal("unknown"), cause: z.enum(causes), ...probeFields }),
]);
const replyFields = { detail: z.string(), worker: z.string().nullable() };
const answer = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("running"), ...replyFields }),
  z.object({ kind: z.literal("succeeded"), urls: z.array(z.string()), ...replyFields }),
  z.object({ kind: z.literal("failed"), error: z.string(), ...replyFields }),
  z.object({ kind: z.literal("forgotten"), ...replyFields }),
  z.object({ kind: z.literal("unknown"), ...replyFields }),
]);
const since = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("at"), at: z.number(), latest: z.number().exactOptional() }),
  z.object({ kind: z.literal("missing") }),
  z.object({ kind: z.literal("unparsable"), text: z.string() }),
]);
const payload = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("empty") }),
  z.object({ kind: z.literal("read"), value: z.record(z.string(), z.json()) }),
  z.object({ kind: z.literal("unreadable"), reason: z.string() }),
]);
const recorded = z.object({
  job: z
    .object({
      id: z.string(),
      status: z.string(),
      type: z.string().nullable(),
      externalId: z.string().nullable(),
      applicationId: z.string().nullable(),
      since,
      payload,
      webhookUrl: z.string().nullable(),
      links: z.record(z.string(), z.array(z.string())),
      // Earlier versions recorded neither.
      startedAt: since.optional(),
      fields: z.record(z.string(), z.string().nullable()).default({}),
    })
    .transform(({ startedAt, ...job }) => ({ ...job, startedAt: startedAt ?? job.since })),
  reopened: z.boolean(),
  probeGroups: z.array(z.array(probeResult)),
  providerReply: z.object({ provider: z.string(), url: z.string(), answer, probes: z.array(probeResult) }).nullable(),
});

/** A run of the journal, with all its verdicts. */
export interface RecordedRun {
  readonly run: string;
  readonly command: string;
  readonly at: string;
  readonly contextFields: RunRecord;
  readonly jobs: readonly RecordedJob[];
}

/**
 * Collects the runs of a journal's lines, oldest first.
 *
 * @throws NoJournalError where there is none
 */
export async function recordedRuns(lines: AsyncIterable<JournalLine>): Promise<readonly RecordedRun[]> {
  const runs = new Map<string, RecordedRun & { readonly jobs: RecordedJob[] }>();
  for await (const line of lines) {
    if (line.kind === "run") {
      const { run, command, at, now, calibration, calibrations, failedBefore, blocked, force } = line;
      const contextFields = { now: Date.parse(now), calibration, calibrations, failedBefore, blocked, force };
      runs.set(run, { run, command, at, contextFields, jobs: [] });
    }
    if (line.kind === "verdict") runs.get(line.run)?.jobs.push(...jobOf(line));
  }
  return [...runs.values()];
}

function jobOf(line: Extract<JournalLine, { kind: "verdict" }>): readonly RecordedJob[] {
  const { operation, decision, verdict, applied } = line;
  try {
    const { data } = recorded.safeParse(line);
    return data === undefined ? [] : [{ ...data, operation, decision, verdict, applied }];
  } catch (error) {
    // A payload nested so deep that the stack is used up: such jobs cannot be replayed.
    if (error instanceof RangeError) return [];
    throw error;
  }
}
