import type { Output, ProbeResult } from "../../domain/evidence.ts";
import type { Verdict } from "../../domain/verdict.ts";
import type { SweepContext } from "../context.ts";
import type { Candidate } from "../decide/triage.ts";
import { placeOf } from "../places.ts";
import { unusedName } from "./calibrate-missing.ts";
import { probeAndCheckMedia } from "./probe-outputs.ts";

/** The probes of keys that nobody has, by what their URLs have in common: one for each is enough for a sweep. */
export type PlaceProbes = Map<string, Promise<ProbeResult>>;

/**
 * Returns the verdict, unless it rests on an output that was found in a bucket which has every key of that shape: then
 * presence proves nothing. Where the bucket does not answer for such a key, the delivery waits. What a provider named
 * on hosts of its own is not concerned, what it named in the bucket is.
 */
export async function verifyPlace(
  candidate: Candidate,
  verdict: Verdict,
  run: SweepContext,
  probes: PlaceProbes = new Map(),
): Promise<Verdict> {
  const found = foundOutput(verdict);
  if (found === null || !placeOf(candidate.operation, run).probe.isSameHost(found.url)) return verdict;
  const [url = ""] = found.url.split(/[?#]/, 1);
  const shape = shapeOf(url, candidate.externalId);
  const probing = probes.get(shape) ?? probeUnused(url, candidate, run);
  probes.set(shape, probing);
  const probe = await probing;
  if (probe.result === "present") {
    const detail = `the bucket claims to have a random key that cannot exist: ${probe.url} answers ${probe.detail}`;
    return { kind: "unknown", reason: "place-answers-everything", detail };
  }
  if (probe.result === "absent" || probe.cause !== "unreachable") return verdict;
  const detail = `no answer for a random key that cannot exist: ${probe.detail}`;
  return { kind: "wait", reason: "place-unverified", detail };
}

/** Returns what outputs of the same pattern have in common; of a name without the external id, its folder and ending. */
function shapeOf(url: string, externalId: string): string {
  if (url.includes(externalId)) return url.replaceAll(externalId, "{externalId}");
  const name = url.lastIndexOf("/") + 1;
  const ending = url.lastIndexOf(".");
  return `${url.slice(0, name)}*${ending < name ? "" : url.slice(ending)}`;
}

/** Returns the output on which the verdict rests; null where it rests on none that was just found. */
function foundOutput(verdict: Verdict): Output | null {
  switch (verdict.reason) {
    case "output-found":
    case "provider-output":
    case "late-output":
      return verdict.output;
    case "output-exists":
      return verdict.output ?? null;
    default:
      return null;
  }
}

async function probeUnused(url: string, candidate: Candidate, run: SweepContext): Promise<ProbeResult> {
  return await probeAndCheckMedia(unusedName(url, candidate.externalId, run.random), candidate, run);
}
