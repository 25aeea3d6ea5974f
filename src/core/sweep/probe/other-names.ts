import { type Calibration, combine, fileNameOf, type ProbeGroup } from "../../domain/evidence.ts";
import { UNKNOWN_REASON, type Verdict } from "../../domain/verdict.ts";
import type { SweepContext } from "../context.ts";
import type { Candidate } from "../decide/triage.ts";

/** What was found under other names. `verdict` is null where nothing speaks against failing the job. */
export interface OtherNamesResult {
  readonly verdict: Verdict | null;
  /** The probes that it took. */
  readonly probeGroups: readonly ProbeGroup[];
}

/**
 * Looks for a job's output under names that the configuration does not have, before the job is failed: in a listing
 * where the bucket allows one, else under every name that the worker is known to use.
 */
export async function findUnderOtherName(
  { externalId, names }: Candidate,
  calibration: Calibration,
  run: SweepContext,
): Promise<OtherNamesResult> {
  const ownNames = names.flat();
  const listing = await run.probe.list(externalId, run.limits.reads);
  switch (listing.kind) {
    case "unknown":
      return stop({
        kind: "unknown",
        reason: "storage-unreachable",
        detail: `listing ${externalId}*: ${listing.detail}`,
      });
    case "no-bucket":
      return stop({
        kind: "unknown",
        reason: "answer-ambiguous",
        detail: `there is no such bucket: ${listing.detail}`,
      });
    case "listed": {
      if (listing.names.some((name) => ownNames.includes(name))) {
        return stop({ kind: "skip", reason: "changed-meanwhile", detail: "its output has just appeared" });
      }
      const [other] = listing.names;
      if (other !== undefined) return stop(otherNameVerdict(other));
      if (listing.complete) return { verdict: null, probeGroups: [] };
      return stop({ kind: "unknown", reason: "answer-ambiguous", detail: `too many names begin with ${externalId}` });
    }
    case "refused":
      return await probeOtherNames(externalId, ownNames, calibration, run);
  }
}

async function probeOtherNames(
  externalId: string,
  ownNames: readonly string[],
  calibration: Calibration,
  run: SweepContext,
): Promise<OtherNamesResult> {
  const probeGroups: ProbeGroup[] = [];
  for (const pattern of run.otherNames) {
    const name = pattern.replaceAll("{externalId}", externalId);
    if (ownNames.includes(name)) continue;
    const probe = await run.probe.probe(run.probe.urlFor(name), run.limits.reads);
    probeGroups.push([probe]);
    const storage = combine([[probe]], calibration);
    if (storage.kind === "present") return { verdict: otherNameVerdict(fileNameOf(storage.output.url)), probeGroups };
    if (storage.kind === "unknown") {
      const detail = `${name}: ${probe.detail}`;
      return { verdict: { kind: "unknown", reason: UNKNOWN_REASON[storage.cause], detail }, probeGroups };
    }
  }
  return { verdict: null, probeGroups };
}

function stop(verdict: Verdict): OtherNamesResult {
  return { verdict, probeGroups: [] };
}

function otherNameVerdict(name: string): Verdict {
  return { kind: "unknown", reason: "output-under-another-name", detail: name };
}
