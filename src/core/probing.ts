import { consult, findingOf } from "./consult.ts";
import type { Deck } from "./deck.ts";
import { type Calibration, type Look, type Sighting, weigh } from "./evidence.ts";
import type { Case, Run } from "./run.ts";
import { type Candidate, decide, type Verdict } from "./verdict.ts";

/** Looks at an output's possible names in their order, until one is there. */
export async function lookAtAll(candidate: Candidate, run: Run): Promise<readonly Look[]> {
  const looks: Look[] = [];
  for (const names of candidate.names) {
    const look: Sighting[] = [];
    for (const name of names) look.push(await run.probe.look(run.probe.locate(name), run.limits.reads));
    looks.push(look);
    if (look.every(({ result }) => result === "present")) break;
  }
  return looks;
}

/** The verdict on what was gathered for a case, by what is known of the storage's answers; null before calibration. */
export function verdictOn(
  { looks, consultation }: Pick<Case, "looks" | "consultation">,
  candidate: Candidate,
  calibration: Calibration | null,
  run: Run,
): Verdict {
  return decide(candidate, { storage: weigh(looks, calibration), provider: findingOf(consultation) }, run.policy);
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
        item.looks = await lookAtAll(candidate, run);
        item.consultation = await consult(candidate, weigh(item.looks, null), run);
      } catch (error) {
        if (run.limits.reads.aborted) continue;
        throw error;
      }
      item.probedAt = run.clock.now();
      item.verdict = verdictOn(item, candidate, null, run);
      probed(item);
    }
  };
  await Promise.all(Array.from({ length: run.concurrency }, work));
}
