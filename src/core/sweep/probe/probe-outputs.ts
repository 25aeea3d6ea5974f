import { type Calibration, combine, type ProbeGroup, type ProbeResult } from "../../domain/evidence.ts";
import type { Verdict } from "../../domain/verdict.ts";
import type { SweepContext } from "../context.ts";
import { decide } from "../decide/decide.ts";
import type { Candidate } from "../decide/triage.ts";
import type { SweepItem } from "../item.ts";
import type { ProbeQueue } from "../probe-queue.ts";
import { askProvider, toProviderEvidence } from "./ask-provider.ts";

/** Looks at an output's possible names in their order: until one is there, or at each of them. */
export async function probeOutputs(
  candidate: Candidate,
  run: SweepContext,
  how: "until-found" | "each" = "until-found",
): Promise<readonly ProbeGroup[]> {
  const looks: ProbeGroup[] = [];
  for (const names of candidate.names) {
    const look: ProbeResult[] = [];
    for (const name of names) look.push(await probeAndCheckMedia(run.probe.urlFor(name), candidate, run));
    looks.push(look);
    if (how === "until-found" && look.every(({ result }) => result === "present")) break;
  }
  // Copies have no room for more, and a sweep may hold 50,000 of these.
  return looks.map((look) => look.slice());
}

/** One look, and into the file where the operation asks for it: a broken one is there, and is no output. */
async function probeAndCheckMedia(
  url: string,
  { operation: { check } }: Candidate,
  run: SweepContext,
): Promise<ProbeResult> {
  const sighting = await run.probe.probe(url, run.limits.reads);
  if (check === null || sighting.result !== "present") return sighting;
  const found = await run.probe.checkMedia(sighting.output, run.limits.reads);
  if (found.kind === "sound") return sighting;
  const detail = `${sighting.detail}, ${found.detail}`;
  return { result: "unknown", url, detail, cause: found.kind === "broken" ? "suspect" : "unreachable" };
}

/** The verdict on what was gathered for a case, by what is known of the storage's answers; null before calibration. */
export function decideItem(
  { probeGroups, providerReply }: Pick<SweepItem, "probeGroups" | "providerReply">,
  candidate: Candidate,
  calibration: Calibration | null,
  run: SweepContext,
): Verdict {
  return decide(
    candidate,
    { storage: combine(probeGroups, calibration), provider: toProviderEvidence(providerReply) },
    run.policy,
  );
}

/** One that takes a 404 at its word and a 403 for unknown: calibration has the last say where it matters. */
function firstVerdict(item: SweepItem, candidate: Candidate, run: SweepContext): Verdict {
  const verdict = decideItem(item, candidate, null, run);
  if (!item.reopened || verdict.kind !== "recover") return verdict;
  return { ...verdict, reason: "late-output", detail: "polling had failed it before" };
}

/** A look that the end of the run cut off taught nothing, and is told as such. */
function timedOutResult({ names: [[name = ""] = []] }: Candidate, run: SweepContext): ProbeResult {
  const detail = "no answer before the run had to end";
  return { result: "unknown", url: run.probe.urlFor(name), detail, cause: "unreachable" };
}

/**
 * Draws from the deck until it is empty, `concurrency` cases at a time, and gives each its first verdict.
 */
export async function probeAll(deck: ProbeQueue, run: SweepContext, probed: (item: SweepItem) => void): Promise<void> {
  const work = async () => {
    for (let item = await deck.next(); item !== null; item = await deck.next()) {
      if (run.limits.start.aborted || item.candidate === null) continue;
      const { candidate } = item;
      item.probedAt = run.clock.now();
      try {
        item.probeGroups = await probeOutputs(candidate, run);
        item.providerReply = await askProvider(candidate, combine(item.probeGroups, null), run);
      } catch (error) {
        if (!run.limits.reads.aborted) throw error;
        item.probeGroups = [...item.probeGroups, [timedOutResult(candidate, run)]];
      }
      item.verdict = firstVerdict(item, candidate, run);
      probed(item);
    }
  };
  await Promise.all(Array.from({ length: run.concurrency }, work));
}
