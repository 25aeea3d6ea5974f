import type { Instant } from "./job.ts";
import type { Case } from "./run.ts";

/** What several stuck jobs have in common. */
export type HerdCause =
  /** One worker ran them all: NCA keeps its queue in memory, and a restart loses it. */
  | "same-worker"
  /** They were made within one minute. */
  | "same-minute"
  /** Not one of the operation's stuck jobs that are past `failAfter` has an output. */
  | "operation-without-output"
  /** Their provider gave no answer for any of them. */
  | "provider-silent";

/** Stuck jobs that share a cause, to be told in one line. */
export interface Herd {
  readonly cause: HerdCause;
  /** The worker, operation or provider; "" for a minute. */
  readonly name: string;
  /** When the first of them began; null where no date is known. */
  readonly since: Instant | null;
  readonly jobs: number;
  readonly withOutput: number;
  readonly withoutOutput: number;
  /** Those of which nothing is known. */
  readonly undecided: number;
}

/** Fewer than this share a cause by chance. */
const LEAST: Readonly<Record<HerdCause, number>> = {
  "same-worker": 3,
  "same-minute": 5,
  "operation-without-output": 5,
  "provider-silent": 3,
};

const MINUTE = 60_000;

/** The herds among the cases, the largest first. A job may be in several: of one worker, and of one minute. */
export function herdsIn(cases: readonly Case[]): readonly Herd[] {
  const probed = cases.filter(({ candidate, looks, consultation }) => {
    return candidate !== null && (looks.length > 0 || consultation !== null);
  });
  const byWorker = grouped(probed, ({ consultation }) => consultation?.answer.herd ?? null);
  const alone = probed.filter(({ consultation }) => (consultation?.answer.herd ?? null) === null);
  const silent = probed.filter(({ consultation }) => consultation?.answer.kind === "unknown");
  const due = probed.filter(({ candidate }) => {
    return candidate !== null && candidate.age > candidate.operation.thresholds.failAfter;
  });
  const byOperation = grouped(due, ({ operation }) => operation);
  const herds = [
    ...herdsOf("same-worker", byWorker),
    ...herdsOf("same-minute", grouped(alone, minuteOf)).map((herd) => ({ ...herd, name: "" })),
    ...herdsOf("operation-without-output", byOperation).filter(({ jobs, withoutOutput }) => jobs === withoutOutput),
    ...herdsOf(
      "provider-silent",
      grouped(silent, ({ consultation }) => consultation?.provider ?? null),
    ),
  ];
  return herds.sort((a, b) => b.jobs - a.jobs);
}

function minuteOf({ job: { since } }: Case): string | null {
  return since.kind === "at" ? String(Math.floor(since.at / MINUTE)) : null;
}

function grouped(cases: readonly Case[], keyOf: (item: Case) => string | null): ReadonlyMap<string, readonly Case[]> {
  const groups = new Map<string, Case[]>();
  for (const item of cases) {
    const key = keyOf(item);
    if (key === null) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function herdsOf(cause: HerdCause, groups: ReadonlyMap<string, readonly Case[]>): readonly Herd[] {
  return [...groups].flatMap(([name, cases]) => {
    if (cases.length < LEAST[cause]) return [];
    const withOutput = cases.filter(hasOutput).length;
    const withoutOutput = cases.filter(hasNone).length;
    const dates = cases.flatMap(({ job: { since } }) => (since.kind === "at" ? [since.at] : []));
    const since = dates.length === 0 ? null : Math.min(...dates);
    const undecided = cases.length - withOutput - withoutOutput;
    return [{ cause, name, since, jobs: cases.length, withOutput, withoutOutput, undecided }];
  });
}

function hasOutput({ looks, consultation }: Case): boolean {
  return [...looks.flat(), ...(consultation?.looks ?? [])].some(({ result }) => result === "present");
}

function hasNone({ looks, consultation }: Case): boolean {
  if (consultation?.answer.kind === "failed") return true;
  const sightings = looks.flat();
  const isNo = (each: (typeof sightings)[number]) =>
    each.result === "absent" || (each.result === "unknown" && each.cause === "forbidden");
  return sightings.length > 0 && sightings.every(isNo);
}
