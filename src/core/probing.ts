import type { Deck } from "./deck.ts";
import { type Sighting, weigh } from "./evidence.ts";
import { outputNames } from "./job.ts";
import type { Case, Run } from "./run.ts";
import { type Candidate, decide } from "./verdict.ts";

/** Looks at an output's possible names in their order, until one is there. */
export async function lookAtAll(candidate: Candidate, run: Run): Promise<readonly Sighting[]> {
  const sightings: Sighting[] = [];
  for (const name of outputNames(candidate.operation, candidate.externalId)) {
    const sighting = await run.probe.look(run.probe.locate(name), run.limits.reads);
    sightings.push(sighting);
    if (sighting.result === "present") break;
  }
  return sightings;
}

/**
 * Draws from the deck until it is empty, `concurrency` cases at a time, and gives each its first verdict: one that
 * takes a 404 at its word and a 403 for unknown. Calibration has the last say on those that would be failed.
 */
export async function probeAll(deck: Deck, run: Run, probed: (item: Case) => void): Promise<void> {
  const work = async () => {
    for (let item = await deck.take(); item !== null; item = await deck.take()) {
      if (run.limits.begin.aborted || item.candidate === null) continue;
      const { candidate } = item;
      try {
        item.sightings = await lookAtAll(candidate, run);
      } catch (error) {
        if (run.limits.reads.aborted) continue;
        throw error;
      }
      item.probedAt = run.clock.now();
      item.verdict = decide(candidate, weigh(item.sightings, null), run.policy);
      probed(item);
    }
  };
  await Promise.all(Array.from({ length: run.concurrency }, work));
}
