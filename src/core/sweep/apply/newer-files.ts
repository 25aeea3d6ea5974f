import type { Job } from "../../domain/job.ts";
import { COMPLETED_PREFIX } from "../../domain/notes.ts";
import { externalIdsIn } from "../../domain/output-names.ts";
import type { SweepContext } from "../context.ts";
import { chunk, READ_BATCH } from "./batches.ts";
import type { TargetCheck } from "./preconditions.ts";
import type { Recovery } from "./recovery.ts";

/** A job and the target it is for, as they were just read. */
interface Checked {
  readonly recovery: Recovery;
  readonly job: Job;
  readonly check: TargetCheck;
}

/** A newer job's file in the target. */
export interface NewerFile {
  readonly file: string;
  readonly owner: Job;
  /**
   * Whether stuck-jobs wrote the file and completed its job. Then the older job was still to be closed: the sweep that
   * delivered the newer file was cut short.
   */
  readonly deliveredByUs: boolean;
}

/** Returns the files in the targets that belong to a newer job, or to one whose age is not known. */
export async function findNewerFiles(
  checked: readonly Checked[],
  run: SweepContext,
): Promise<ReadonlyMap<Recovery, NewerFile>> {
  const others = checked.flatMap(({ recovery, job, check }) => {
    const files = "files" in check ? check.files : [];
    return files.flatMap((file) => {
      const externalIds = externalIdsIn(recovery.candidate.operation, file);
      return externalIds.map((externalId) => ({ recovery, job, file, externalId }));
    });
  });
  const ids = [...new Set(others.map(({ externalId }) => externalId))];
  const jobs: Job[] = [];
  for (const batch of chunk(ids, READ_BATCH)) jobs.push(...(await run.store.findJobs(batch, run.limits.reads)));
  const found = new Map<Recovery, NewerFile>();
  for (const { recovery, job, file, externalId } of others) {
    const owner = jobs.find((each) => each.externalId === externalId && each.id !== job.id && !isOlder(each, job));
    if (owner === undefined || found.get(recovery)?.deliveredByUs) continue;
    const deliveredByUs = owner.status === run.completedStatus && owner.notes.includes(COMPLETED_PREFIX);
    found.set(recovery, { file, owner, deliveredByUs });
  }
  return found;
}

function isOlder(job: Job, than: Job): boolean {
  return job.since.kind === "at" && than.since.kind === "at" && job.since.at < than.since.at;
}
