import type { GatheredEvidence } from "../../domain/evidence.ts";
import type { Instant } from "../../domain/job.ts";
import type { Incident, IncidentCause } from "../../domain/report.ts";
import type { ItemResult } from "../ledger.ts";

/** Fewer than this may share a cause by chance. */
const MIN_GROUP_SIZE: Readonly<Record<IncidentCause, number>> = {
  "same-worker": 3,
  "same-minute": 5,
  "operation-without-output": 5,
  "provider-silent": 3,
};

const MINUTE = 60_000;

/** Groups the jobs by what they have in common, the largest group first. A job may be in several. */
export function groupIncidents(results: Iterable<ItemResult>): readonly Incident[] {
  const groups: Readonly<Record<IncidentCause, Map<string, Group>>> = {
    "same-worker": new Map(),
    "same-minute": new Map(),
    "operation-without-output": new Map(),
    "provider-silent": new Map(),
  };
  for (const { item, evidence } of results) {
    const { candidate, job, operation } = item;
    const { probeGroups, providerReply } = evidence;
    if (candidate === null || (probeGroups.length === 0 && providerReply === null)) continue;
    const at = job.since.kind === "at" ? job.since.at : null;
    const state = getOutputState(evidence);
    const worker = providerReply?.answer.worker ?? null;
    if (worker !== null) addTo(groups["same-worker"], worker, at, state);
    else if (at !== null) addTo(groups["same-minute"], String(Math.floor(at / MINUTE)), at, state);
    if (providerReply?.answer.kind === "unknown") addTo(groups["provider-silent"], providerReply.provider, at, state);
    const due = candidate.age > candidate.operation.thresholds.failAfter;
    if (due && operation !== null) addTo(groups["operation-without-output"], operation, at, state);
  }
  const incidents = [
    ...toIncidents("same-worker", groups),
    ...toIncidents("same-minute", groups).map((incident) => ({ ...incident, name: "" })),
    ...toIncidents("operation-without-output", groups).filter(({ jobs, withoutOutput }) => jobs === withoutOutput),
    ...toIncidents("provider-silent", groups),
  ];
  return incidents.sort((a, b) => b.jobs - a.jobs);
}

interface Group {
  since: Instant | null;
  jobs: number;
  withOutput: number;
  withoutOutput: number;
}

type OutputState = "present" | "missing" | "undecided";

function addTo(groups: Map<string, Group>, name: string, at: Instant | null, state: OutputState): void {
  const group = groups.get(name) ?? { since: null, jobs: 0, withOutput: 0, withoutOutput: 0 };
  groups.set(name, group);
  group.jobs += 1;
  if (state === "present") group.withOutput += 1;
  if (state === "missing") group.withoutOutput += 1;
  if (at !== null) group.since = Math.min(group.since ?? at, at);
}

function toIncidents(
  cause: IncidentCause,
  groups: Readonly<Record<IncidentCause, ReadonlyMap<string, Group>>>,
): readonly Incident[] {
  return [...groups[cause]].flatMap(([name, { since, jobs, withOutput, withoutOutput }]) => {
    if (jobs < MIN_GROUP_SIZE[cause]) return [];
    return [{ cause, name, since, jobs, withOutput, withoutOutput, undecided: jobs - withOutput - withoutOutput }];
  });
}

function getOutputState({ probeGroups, providerReply }: GatheredEvidence): OutputState {
  const probes = probeGroups.flat();
  const all = [...probes, ...(providerReply?.probes ?? [])];
  if (all.some(({ result }) => result === "present")) return "present";
  if (providerReply?.answer.kind === "failed") return "missing";
  const isMissing = probes.every(
    (probe) => probe.result === "absent" || (probe.result === "unknown" && probe.cause === "forbidden"),
  );
  return probes.length > 0 && isMissing ? "missing" : "undecided";
}
