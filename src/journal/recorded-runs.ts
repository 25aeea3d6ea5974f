import * as z from "zod";
import type { JudgedRun } from "../core/ports/journal.ts";
import type { RecordedJob } from "../core/replay/replay.ts";
import { type JournalLine, readLines } from "./read.ts";

const output = z.object({
  url: z.string(),
  bytes: z.number(),
  contentType: z.string().nullable(),
  etag: z.string().nullable(),
  lastModified: z.string().nullable(),
});
const seen = { url: z.string(), detail: z.string() };
const causes = ["forbidden", "unreachable", "suspect", "cached", "redirected", "unexpected"] as const;
const sighting = z.discriminatedUnion("result", [
  z.object({ result: z.literal("present"), output, ...seen }),
  z.object({ result: z.literal("absent"), ...seen }),
  z.object({ result: z.literal("unknown"), cause: z.enum(causes), ...seen }),
]);
const told = { detail: z.string(), herd: z.string().nullable() };
const answer = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("running"), ...told }),
  z.object({ kind: z.literal("succeeded"), urls: z.array(z.string()), ...told }),
  z.object({ kind: z.literal("failed"), error: z.string(), ...told }),
  z.object({ kind: z.literal("forgotten"), ...told }),
  z.object({ kind: z.literal("unknown"), ...told }),
]);
const since = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("at"), at: z.number() }),
  z.object({ kind: z.literal("missing") }),
  z.object({ kind: z.literal("unparsable"), text: z.string() }),
]);
const payload = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("empty") }),
  z.object({ kind: z.literal("read"), value: z.record(z.string(), z.json()) }),
  z.object({ kind: z.literal("unreadable"), reason: z.string() }),
]);
const recorded = z.object({
  job: z.object({
    id: z.string(),
    status: z.string(),
    type: z.string().nullable(),
    externalId: z.string().nullable(),
    ownId: z.string().nullable(),
    since,
    payload,
    webhookUrl: z.string().nullable(),
    links: z.record(z.string(), z.array(z.string())),
  }),
  late: z.boolean(),
  looks: z.array(z.array(sighting)),
  consultation: z.object({ provider: z.string(), url: z.string(), answer, looks: z.array(sighting) }).nullable(),
});

/** A run of the journal, with all that it had judged. */
export interface RecordedRun {
  readonly run: string;
  readonly command: string;
  readonly at: string;
  readonly restsOn: JudgedRun;
  readonly jobs: readonly RecordedJob[];
}

/**
 * The runs that the files of a journal tell of, oldest first.
 *
 * @throws NoJournalError where there is none
 */
export async function recordedRuns(paths: readonly string[]): Promise<readonly RecordedRun[]> {
  const runs = new Map<string, RecordedRun & { readonly jobs: RecordedJob[] }>();
  for await (const line of readLines(paths)) {
    if (line.kind === "run") {
      const { run, command, at, now, calibration, failedBefore, held, force } = line;
      const restsOn = { now: Date.parse(now), calibration, failedBefore, held, force };
      runs.set(run, { run, command, at, restsOn, jobs: [] });
    }
    if (line.kind === "verdict") runs.get(line.run)?.jobs.push(...jobOf(line));
  }
  return [...runs.values()];
}

function jobOf(line: Extract<JournalLine, { kind: "verdict" }>): readonly RecordedJob[] {
  const checked = recorded.safeParse(line);
  if (!checked.success) return [];
  const { operation, decided, verdict, applied } = line;
  return [{ ...checked.data, operation, decided, verdict, applied }];
}
