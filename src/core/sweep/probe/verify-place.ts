import type { ProbeResult } from "../../domain/evidence.ts";
import type { Verdict } from "../../domain/verdict.ts";
import type { SweepContext } from "../context.ts";
import type { Candidate } from "../decide/triage.ts";
import { unusedName } from "./calibrate.ts";
import { probeAndCheckMedia } from "./probe-outputs.ts";

/** The probes of keys that nobody has, by their shape: one for each is enough for a sweep. */
export type PlaceProbes = Map<string, Promise<ProbeResult>>;

/**
 * Returns the verdict, unless it rests on an output that was found in a bucket which has every key of that shape: then
 * presence proves nothing. Where the bucket does not answer for such a key, the delivery waits. What a provider named
 * on hosts of its own is not concerned.
 */
export async function verifyPlace(
  candidate: Candidate,
  verdict: Verdict,
  run: SweepContext,
  probes: PlaceProbes = new Map(),
): Promise<Verdict> {
  const isFound = verdict.kind === "recover" && (verdict.reason === "output-found" || verdict.reason === "late-output");
  if (!isFound && verdict.reason !== "output-exists") return verdict;
  const { names, externalId } = candidate;
  const [found = names[0]] = names;
  const [name = externalId] = found ?? [];
  const shape = name.replaceAll(externalId, "{externalId}");
  const probing = probes.get(shape) ?? probeUnused(name, candidate, run);
  probes.set(shape, probing);
  const probe = await probing;
  if (probe.result === "present") {
    const detail = `the bucket has a key that nobody has: ${probe.url} answers ${probe.detail}`;
    return { kind: "unknown", reason: "place-answers-everything", detail };
  }
  if (probe.result === "absent" || probe.cause !== "unreachable") return verdict;
  const detail = `no answer for a key that nobody has: ${probe.detail}`;
  return { kind: "wait", reason: "place-unverified", detail };
}

async function probeUnused(name: string, candidate: Candidate, run: SweepContext): Promise<ProbeResult> {
  return await probeAndCheckMedia(run.probe.urlFor(unusedName(name, candidate.externalId, run.random)), candidate, run);
}
