import { type Calibration, combine, type ProbeGroup } from "../../domain/evidence.ts";
import { namePrefixes, namesOfNeighbouringDates } from "../../domain/output-names.ts";
import { UNKNOWN_REASON, type Verdict } from "../../domain/verdict.ts";
import type { OutputProbe } from "../../ports/ports.ts";
import type { SweepContext } from "../context.ts";
import type { Candidate } from "../decide/triage.ts";
import type { SweepItem } from "../item.ts";
import { placeOf } from "../places.ts";

/** What was found under other names. `verdict` is null where nothing speaks against failing the job. */
export interface OtherNamesResult {
  readonly verdict: Verdict | null;
  /** The probes that it took. */
  readonly probeGroups: readonly ProbeGroup[];
}

/**
 * Looks for a job's output under names that the configuration does not have, before the job is failed: under those of
 * the day before and after, where names contain a date; then in a listing where the bucket allows one, else under every
 * name that the worker is known to use.
 */
export async function findUnderOtherName(
  { item: { job }, candidate }: { readonly item: Pick<SweepItem, "job">; readonly candidate: Candidate },
  calibration: Calibration,
  run: SweepContext,
): Promise<OtherNamesResult> {
  const { externalId, operation } = candidate;
  const { probe, otherNames } = placeOf(operation, run);
  const ownNames = candidate.names.flat();
  const neighbours = await probeNames(namesOfNeighbouringDates(operation, job), probe, calibration, run);
  if (neighbours.verdict !== null) return neighbours;
  const { probeGroups } = neighbours;
  for (const prefix of namePrefixes(operation, job)) {
    const listing = await probe.list(prefix, run.limits.reads);
    switch (listing.kind) {
      case "unknown": {
        const detail = `listing ${prefix}*: ${listing.detail}`;
        return { verdict: { kind: "unknown", reason: "storage-unreachable", detail }, probeGroups };
      }
      case "no-bucket": {
        const detail = `there is no such bucket: ${listing.detail}`;
        return { verdict: { kind: "unknown", reason: "answer-ambiguous", detail }, probeGroups };
      }
      case "listed": {
        const [other] = listing.names;
        if (listing.names.some((name) => ownNames.includes(name))) {
          const detail = "its output has just appeared";
          return { verdict: { kind: "skip", reason: "changed-meanwhile", detail }, probeGroups };
        }
        if (other !== undefined) return { verdict: otherNameVerdict(other), probeGroups };
        if (listing.complete) break;
        const detail = `too many names begin with ${prefix}`;
        return { verdict: { kind: "unknown", reason: "answer-ambiguous", detail }, probeGroups };
      }
      case "refused": {
        const folders = [...new Set(ownNames.map((name) => name.slice(0, name.lastIndexOf("/") + 1)))];
        const known = otherNames.map((pattern) => pattern.replaceAll("{externalId}", externalId));
        const others = folders.flatMap((folder) => known.map((name) => folder + name));
        const probed = await probeNames(
          others.filter((name) => !ownNames.includes(name)),
          probe,
          calibration,
          run,
        );
        return { ...probed, probeGroups: [...probeGroups, ...probed.probeGroups] };
      }
    }
  }
  return { verdict: null, probeGroups };
}

/** Probes names that should all be absent. */
async function probeNames(
  names: readonly string[],
  place: OutputProbe,
  calibration: Calibration,
  run: SweepContext,
): Promise<OtherNamesResult> {
  const probeGroups: ProbeGroup[] = [];
  for (const name of names) {
    const probe = await place.probe(place.urlFor(name), run.limits.reads);
    probeGroups.push([probe]);
    const storage = combine([[probe]], calibration);
    if (storage.kind === "present") return { verdict: otherNameVerdict(name), probeGroups };
    if (storage.kind === "unknown") {
      const detail = `${name}: ${probe.detail}`;
      return { verdict: { kind: "unknown", reason: UNKNOWN_REASON[storage.cause], detail }, probeGroups };
    }
  }
  return { verdict: null, probeGroups };
}

function otherNameVerdict(name: string): Verdict {
  return { kind: "unknown", reason: "output-under-another-name", detail: name };
}
