import type { ProbeResult, ProviderReply } from "../../domain/evidence.ts";
import type { Instant } from "../../domain/job.ts";
import type { Incident, IncidentCause } from "../../domain/report.ts";
import type { SweepItem } from "../item.ts";

/** Fewer than this share a cause by chance. */
const MIN_GROUP_SIZE: Readonly<Record<IncidentCause, number>> = {
  "same-worker": 3,
  "same-minute": 5,
  "operation-without-output": 5,
  "provider-silent": 3,
};

const MINUTE = 60_000;

/** The herds among the cases, the largest first. A job may be in several: of one worker, and of one minute. */
export function groupIncidents(cases: Iterable<SweepItem>): readonly Incident[] {
  const groups: Readonly<Record<IncidentCause, Map<string, Group>>> = {
    "same-worker": new Map(),
    "same-minute": new Map(),
    "operation-without-output": new Map(),
    "provider-silent": new Map(),
  };
  for (const { candidate, job, probeGroups, providerReply, operation } of cases) {
    if (candidate === null || (probeGroups.length === 0 && providerReply === null)) continue;
    const at = job.since.kind === "at" ? job.since.at : null;
    const seen = outputState(probeGroups.flat(), providerReply);
    const worker = providerReply?.answer.worker ?? null;
    if (worker !== null) count(groups["same-worker"], worker, at, seen);
    else if (at !== null) count(groups["same-minute"], String(Math.floor(at / MINUTE)), at, seen);
    if (providerReply?.answer.kind === "unknown") count(groups["provider-silent"], providerReply.provider, at, seen);
    const due = candidate.age > candidate.operation.thresholds.failAfter;
    if (due && operation !== null) count(groups["operation-without-output"], operation, at, seen);
  }
  const herds = [
    ...herdsOf("same-worker", groups),
    ...herdsOf("same-minute", groups).map((herd) => ({ ...herd, name: "" })),
    ...herdsOf("operation-without-output", groups).filter(({ jobs, withoutOutput }) => jobs === withoutOutput),
    ...herdsOf("provider-silent", groups),
  ];
  return herds.sort((a, b) => b.jobs - a.jobs);
}

interface Group {
  since: Instant | null;
  jobs: number;
  withOutput: number;
  withoutOutput: number;
}

type Seen = "output" | "none" | "undecided";

function count(groups: Map<string, Group>, name: string, at: Instant | null, seen: Seen): void {
  const group = groups.get(name) ?? { since: null, jobs: 0, withOutput: 0, withoutOutput: 0 };
  groups.set(name, group);
  group.jobs += 1;
  if (seen === "output") group.withOutput += 1;
  if (seen === "none") group.withoutOutput += 1;
  if (at !== null) group.since = Math.min(group.since ?? at, at);
}

function herdsOf(
  cause: IncidentCause,
  groups: Readonly<Record<IncidentCause, ReadonlyMap<string, Group>>>,
): readonly Incident[] {
  return [...groups[cause]].flatMap(([name, { since, jobs, withOutput, withoutOutput }]) => {
    if (jobs < MIN_GROUP_SIZE[cause]) return [];
    return [{ cause, name, since, jobs, withOutput, withoutOutput, undecided: jobs - withOutput - withoutOutput }];
  });
}

function outputState(probes: readonly ProbeResult[], providerReply: ProviderReply | null): Seen {
  const all = [...probes, ...(providerReply?.probes ?? [])];
  if (all.some(({ result }) => result === "present")) return "output";
  if (providerReply?.answer.kind === "failed") return "none";
  const isNo = (each: ProbeResult) =>
    each.result === "absent" || (each.result === "unknown" && each.cause === "forbidden");
  return probes.length > 0 && probes.every(isNo) ? "none" : "undecided";
}
