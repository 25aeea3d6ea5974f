import { type Calibration, type Look, type Sighting, weigh } from "../../domain/evidence.ts";
import { type Candidate, decide, type Verdict } from "../../domain/verdict.ts";
import type { Run } from "../context.ts";
import type { Case } from "../item.ts";
import type { Deck } from "../probe-queue.ts";
import { consult, findingOf } from "./ask-provider.ts";

/** Looks at an output's possible names in their order: until one is there, or at each of them. */
export async function lookAtAll(
  candidate: Candidate,
  run: Run,
  how: "until-found" | "each" = "until-found",
): Promise<readonly Look[]> {
  const looks: Look[] = [];
  for (const names of candidate.names) {
    const look: Sighting[] = [];
    for (const name of names) look.push(await lookInto(run.probe.locate(name), candidate, run));
    looks.push(look);
    if (how === "until-found" && look.every(({ result }) => result === "present")) break;
  }
  // Copies have no room for more, and a sweep may hold 50,000 of these.
  return looks.map((look) => look.slice());
}

/** One look, and into the file where the operation asks for it: a broken one is there, and is no output. */
async function lookInto(url: string, { operation: { check } }: Candidate, run: Run): Promise<Sighting> {
  const sighting = await run.probe.look(url, run.limits.reads);
  if (check === null || sighting.result !== "present") return sighting;
  const found = await run.probe.checkMedia(sighting.output, run.limits.reads);
  if (found.kind === "sound") return sighting;
  const detail = `${sighting.detail}, ${found.detail}`;
  return { result: "unknown", url, detail, cause: found.kind === "broken" ? "suspect" : "unreachable" };
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

/** One that takes a 404 at its word and a 403 for unknown: calibration has the last say where it matters. */
function firstVerdict(item: Case, candidate: Candidate, run: Run): Verdict {
  const verdict = verdictOn(item, candidate, null, run);
  if (!item.late || verdict.kind !== "recover") return verdict;
  return { ...verdict, reason: "late-output", detail: "polling had failed it before" };
}

/** A look that the end of the run cut off taught nothing, and is told as such. */
function cutOff({ names: [[name = ""] = []] }: Candidate, run: Run): Sighting {
  const detail = "no answer before the run had to end";
  return { result: "unknown", url: run.probe.locate(name), detail, cause: "unreachable" };
}

/**
 * Draws from the deck until it is empty, `concurrency` cases at a time, and gives each its first verdict.
 */
export async function probeAll(deck: Deck, run: Run, probed: (item: Case) => void): Promise<void> {
  const work = async () => {
    for (let item = await deck.take(); item !== null; item = await deck.take()) {
      if (run.limits.begin.aborted || item.candidate === null) continue;
      const { candidate } = item;
      item.probedAt = run.clock.now();
      try {
        item.looks = await lookAtAll(candidate, run);
        item.consultation = await consult(candidate, weigh(item.looks, null), run);
      } catch (error) {
        if (!run.limits.reads.aborted) throw error;
        item.looks = [...item.looks, [cutOff(candidate, run)]];
      }
      item.verdict = firstVerdict(item, candidate, run);
      probed(item);
    }
  };
  await Promise.all(Array.from({ length: run.concurrency }, work));
}
