import { MINUTE, SECOND } from "../support/builders.ts";
import { filesWith } from "./operations.ts";
import { fileNameFor, keyFor, type Moved } from "./places.ts";
import type { Random } from "./random.ts";
import { CALM, otherTarget, type SimJob, START } from "./scenario.ts";

/** Something that someone else than the tool does to the world, at a time. */
export type Event = { readonly at: number } & (
  | { readonly kind: "output"; readonly fileName: string }
  /** The bucket keeps it no longer. */
  | { readonly kind: "vanish"; readonly fileName: string }
  /** The application's handler knows nothing of polling: it writes whatever the state is. */
  | { readonly kind: "webhook-success"; readonly job: SimJob; readonly fileName: string }
  /** A handler may read the status first; a blunt one does not. */
  | { readonly kind: "webhook-failure"; readonly job: SimJob; readonly blunt: boolean }
  /** The job is run again in its old record, mostly under a new external id. */
  | { readonly kind: "rerun"; readonly job: SimJob; readonly externalId: string }
  /** A person sets it back, so that it is probed again. */
  | { readonly kind: "reopen"; readonly job: SimJob }
  | { readonly kind: "correct-id"; readonly job: SimJob; readonly externalId: string }
  | { readonly kind: "edit-notes"; readonly job: SimJob; readonly where: "above" | "below" }
  | {
      readonly kind: "set-status";
      readonly job: SimJob;
      readonly status: "completed" | "failed";
      readonly error: string | null;
    }
  | { readonly kind: "delete-job"; readonly job: SimJob }
  | { readonly kind: "delete-target"; readonly job: SimJob }
  /** The job is to be delivered to another record. */
  | { readonly kind: "move-target"; readonly job: SimJob; readonly targetId: string }
  /** `bare`: with a file that has no id yet. */
  | { readonly kind: "occupy-target"; readonly job: SimJob; readonly fileName: string; readonly bare: boolean }
  | { readonly kind: "empty-target"; readonly job: SimJob }
  /** Another client of the base uses up its requests, and all are refused for 30 seconds. */
  | { readonly kind: "burst" }
);

/** A moment before the calm; more often than not one at which a sweep is under way, between its reads and writes. */
export function moment(random: Random): number {
  if (random.chance(0.4)) return random.whole(START, CALM - 1);
  const within = random.chance(0.5) ? random.whole(300, 1_500) : random.whole(0, 5 * SECOND);
  return Math.min(CALM - 1, START + random.whole(0, 3) * 2 * MINUTE + within);
}

/** What people and the application do to a job, apart from its own success. */
export function interference(
  job: SimJob,
  newer: SimJob | undefined,
  moved: Moved | null,
  random: Random,
): readonly Event[] {
  if (!random.chance(0.4)) return [];
  // What is found at once is written in the first moments.
  const at = random.chance(0.5) ? START + random.whole(150, random.chance(0.5) ? 1_200 : 3_500) : moment(random);
  const externalId = `r${random.whole(100_000, 999_999)}`;
  switch (random.whole(0, 15)) {
    case 0:
    case 1: {
      const failure: Event = { kind: "webhook-failure", at, job, blunt: random.chance(0.5) };
      if (random.chance(0.7)) return [failure];
      return [failure, { ...failure, at: Math.min(CALM - 1, at + random.whole(1, 60 * SECOND)) }];
    }
    case 2:
    case 3:
    case 14: {
      // Some workers are given the job's own id again.
      if (random.chance(0.5)) return [{ kind: "rerun", at, job, externalId: job.externalId }];
      const rerun: Event = { kind: "rerun", at, job, externalId };
      if (random.chance(0.5)) return [rerun];
      const fileName = keyFor({ ...job, externalId, begun: at }, moved, random);
      const later = random.whole(at, CALM - 1);
      return [rerun, ...filesWith(fileName).map((each): Event => ({ kind: "output", at: later, fileName: each }))];
    }
    case 4:
      return [{ kind: "edit-notes", at, job, where: random.pick(["above", "below"] as const) }];
    case 5: {
      const status = random.pick(["completed", "failed"] as const);
      return [{ kind: "set-status", at, job, status, error: random.chance(0.6) ? "given up by hand" : null }];
    }
    case 6:
      return [{ kind: random.chance(0.6) ? "delete-job" : "delete-target", at, job }];
    case 7:
      return [{ kind: "reopen", at, job }];
    case 8:
    case 15:
      return [{ kind: "correct-id", at, job, externalId }];
    case 9:
    case 11:
      return [{ kind: "move-target", at, job, targetId: otherTarget(job.targetId) }];
    case 10:
      return [{ kind: "empty-target", at, job }];
    default: {
      const owner = newer ?? job;
      const fileName = random.chance(0.5) ? "by hand.mp4" : fileNameFor(owner.operation, owner.externalId, random);
      return [{ kind: "occupy-target", at, job, fileName, bare: random.chance(0.15) }];
    }
  }
}
