import type { Duration, Instant, Job } from "../core/domain/job.ts";
import { pluralize } from "../core/domain/plural.ts";
import { type CheckResult, pass, warn } from "./check-result.ts";
import { DAY, type Seen } from "./jobs.ts";

/** A line in a job's notes that a poller left in the last day. `runId` is null where it was not this tool. */
export interface PollerNote {
  readonly job: Job;
  readonly line: string;
  readonly at: Instant;
  readonly runId: string | null;
  readonly kind: "completed" | "failed";
}

const LINE = /\b(Completed|Failed|Timed out) via polling\b/;

/** The end of our own lines (core/domain/notes.ts). */
const OWN = /\[stuck-jobs \S+, run ([^\]\s]+)\]/;

/** A time without a zone, as the earlier poller wrote it, is read as UTC: it may be half a day off. */
const MOMENT = /(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?/;

/** Returns the notes of the last day, dated by their lines or else by their jobs. */
export function findPollerNotes({ finished }: Seen, now: Instant): readonly PollerNote[] {
  return finished.flatMap((job) =>
    job.notes.split("\n").flatMap((line): readonly PollerNote[] => {
      const [, what] = LINE.exec(line) ?? [];
      const dated = what === undefined ? null : dateOf(line, job);
      if (dated === null || now - dated.at > DAY + dated.doubt) return [];
      const kind = what === "Completed" ? "completed" : "failed";
      return [{ job, line: line.trim(), at: dated.at, runId: OWN.exec(line)?.[1] ?? null, kind }];
    }),
  );
}

function dateOf(line: string, job: Job): { readonly at: Instant; readonly doubt: Duration } | null {
  const [, day, time, zone] = MOMENT.exec(line) ?? [];
  const at = Date.parse(`${day}T${time}${zone ?? "Z"}`);
  if (!Number.isNaN(at)) return { at, doubt: zone === undefined ? DAY / 2 : 0 };
  return job.since.kind === "at" ? { at: job.since.at, doubt: 0 } : null;
}

/** Checks whether another program polls these jobs too: two pollers overwrite each other's work. */
export function checkPollers(traces: readonly PollerNote[]): readonly CheckResult[] {
  const foreign = traces.filter(({ runId }) => runId === null);
  const latest = foreign.toSorted((a, b) => b.at - a.at)[0];
  if (latest === undefined)
    return [pass("pollers", "other pollers", "none: the notes of the last day are this tool's own")];
  const jobs = new Set(foreign.map(({ job }) => job.id)).size;
  const detail = `${pluralize(jobs, "job")} of the last day have another poller's note, the latest ${latest.job.id}: "${short(latest.line)}"`;
  const next =
    "Stop the other poller before you schedule this one: it fails jobs by their age alone, and both would write.";
  return [warn("pollers", "other pollers", detail, next)];
}

function short(line: string): string {
  return line.length <= 80 ? line : `${line.slice(0, 79)}…`;
}
