import type { ProbeGroup, ProbeResult } from "../../domain/evidence.ts";
import type { OutputProbe } from "../../ports/ports.ts";
import type { SweepContext } from "../context.ts";
import type { Candidate } from "../decide/triage.ts";
import type { ItemEvidence } from "../item.ts";
import { placeOf } from "../places.ts";
import { askProvider } from "./ask-provider.ts";

/** Gathers the evidence on one job: probes its output, then asks its provider. What the deadline cuts off is unknown. */
export async function gatherEvidence(candidate: Candidate, run: SweepContext): Promise<ItemEvidence> {
  const probedAt = run.clock.now();
  let probeGroups: readonly ProbeGroup[] = [];
  try {
    probeGroups = await probeOutputs(candidate, run);
    const providerReply = await askProvider(candidate, probeGroups, run);
    return { probeGroups, providerReply, probedAt };
  } catch (error) {
    if (!run.limits.reads.aborted) throw error;
    return { probeGroups: [...probeGroups, [timedOutResult(candidate, run)]], providerReply: null, probedAt };
  }
}

const UNTIL_FOUND = { how: "until-found", known: [] } as const;

/**
 * Probes an output's possible names in their order: until one is there, or each of them. One of which the result is
 * `known` is not probed again.
 */
export async function probeOutputs(
  candidate: Candidate,
  run: SweepContext,
  { how, known }: { readonly how: "until-found" | "each"; readonly known: readonly ProbeResult[] } = UNTIL_FOUND,
): Promise<readonly ProbeGroup[]> {
  const { probe } = placeOf(candidate.operation, run);
  const groups: ProbeGroup[] = [];
  for (const names of candidate.names) {
    const group: ProbeResult[] = [];
    for (const url of names.map((name) => probe.urlFor(name))) {
      group.push(known.find((each) => each.url === url) ?? (await probeAndCheckMedia(url, candidate, run)));
    }
    groups.push(group.slice());
    if (how === "until-found" && group.every(({ result }) => result === "present")) break;
  }
  // Copies without spare capacity, as the groups above: a sweep may hold 50,000 of these.
  return groups.slice();
}

/** Probes one URL and, where the operation asks for it, reads the file: a broken one is there, and is no output. */
export function probeAndCheckMedia(url: string, { operation }: Candidate, run: SweepContext): Promise<ProbeResult> {
  const { probe } = placeOf(operation, run);
  const probing = probe.probe(url, run.limits.reads);
  return operation.check === null ? probing : checkMedia(url, probing, probe, run);
}

async function checkMedia(
  url: string,
  probing: Promise<ProbeResult>,
  probe: OutputProbe,
  run: SweepContext,
): Promise<ProbeResult> {
  const result = await probing;
  if (result.result !== "present") return result;
  const media = await probe.checkMedia(result.output, run.limits.reads);
  if (media.kind === "sound") return result;
  const detail = `${result.detail}, ${media.detail}`;
  return { result: "unknown", url, detail, cause: media.kind === "broken" ? "suspect" : "unreachable" };
}

function timedOutResult({ names: [[name = ""] = []], operation }: Candidate, run: SweepContext): ProbeResult {
  const detail = "no answer before the run had to end";
  return { result: "unknown", url: placeOf(operation, run).probe.urlFor(name), detail, cause: "unreachable" };
}
