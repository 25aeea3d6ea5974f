import { type Calibration, combine, fileNameOf } from "../../domain/evidence.ts";
import { UNKNOWN_REASON, type Verdict } from "../../domain/verdict.ts";
import type { FailureCandidate } from "../apply/write-failures.ts";
import type { SweepContext } from "../context.ts";

/**
 * Looks for a job's output under names that the configuration does not have, before the job is failed for want of one:
 * in a listing where the place gives one, else under every name that the worker is known to use. Null where nothing
 * speaks against failing.
 */
export async function findUnderOtherName(
  { item, candidate }: FailureCandidate,
  calibration: Calibration,
  run: SweepContext,
): Promise<Verdict | null> {
  const { externalId } = candidate;
  const own = candidate.names.flat();
  const listing = await run.probe.list(externalId, run.limits.reads);
  switch (listing.kind) {
    case "unknown":
      return { kind: "unknown", reason: "storage-unreachable", detail: `listing ${externalId}*: ${listing.detail}` };
    case "nowhere":
      return { kind: "unknown", reason: "answer-ambiguous", detail: `there is no such bucket: ${listing.detail}` };
    case "listed": {
      const [other] = listing.names.filter((name) => !own.includes(name));
      if (listing.names.some((name) => own.includes(name))) {
        return { kind: "skip", reason: "changed-meanwhile", detail: "its output has just turned up" };
      }
      if (other !== undefined) return otherNameVerdict(other);
      if (listing.complete) return null;
      return { kind: "unknown", reason: "answer-ambiguous", detail: `too many names begin with ${externalId}` };
    }
    case "refused":
      break;
  }
  for (const pattern of run.otherNames) {
    const name = pattern.replaceAll("{externalId}", externalId);
    if (own.includes(name)) continue;
    const sighting = await run.probe.probe(run.probe.urlFor(name), run.limits.reads);
    item.probeGroups = [...item.probeGroups, [sighting]];
    const finding = combine([[sighting]], calibration);
    if (finding.kind === "present") return otherNameVerdict(fileNameOf(finding.output.url));
    if (finding.kind === "unknown") {
      return { kind: "unknown", reason: UNKNOWN_REASON[finding.cause], detail: `${name}: ${sighting.detail}` };
    }
  }
  return null;
}

function otherNameVerdict(name: string): Verdict {
  return { kind: "unknown", reason: "output-under-another-name", detail: name };
}
