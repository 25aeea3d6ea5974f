import { FUTURE_TOLERANCE } from "../../domain/job.ts";
import { chunk } from "../../domain/lists.ts";
import { type Target, targetKey } from "../../domain/target.ts";
import { serverNow } from "../clock-skew.ts";
import type { SweepContext } from "../context.ts";
import { type CompetingJob, findCompetingJobs, isUnplaced, mayHaveFurtherLink } from "../list/competing-jobs.ts";
import type { Listing } from "../list/list-jobs.ts";
import { READ_BATCH } from "./batches.ts";

/** The competing jobs of a sweep, by target. Those that the listing left out are listed when something is delivered. */
export class Competition {
  readonly #byTarget = new Map<string, CompetingJob[]>();
  readonly #worked: ReadonlySet<string>;
  readonly #listing: Listing;
  readonly #run: SweepContext;
  #listed: Promise<void> | null = null;

  constructor(listing: Listing, run: SweepContext) {
    this.#listing = listing;
    this.#run = run;
    this.#worked = new Set(listing.items.map(({ job }) => job.id));
    this.#add(listing.competing);
  }

  /** Lists, once, the jobs that the listing left out for their age or for `--job`. */
  async list(): Promise<void> {
    this.#listed ??= this.#listLeftOut();
    await this.#listed;
  }

  /** Returns the jobs for a target that are known by now. */
  for(target: Target | null): readonly CompetingJob[] {
    return (target === null ? undefined : this.#byTarget.get(targetKey(target))) ?? [];
  }

  async #listLeftOut(): Promise<void> {
    const run = this.#run;
    // Only a newer job competes, up to its own `failAfter`; without `--job` the listing lacks the young ones alone.
    const now = serverNow(run);
    const longest = Math.max(...run.policy.operations.map(({ thresholds }) => thresholds.failAfter));
    const after = (run.named === null ? this.#listing.youngerThan : now - longest) - 1;
    const future = now + FUTURE_TOLERANCE;
    const query = { statuses: run.policy.stuckStatuses, before: future, future, after };
    // Ages are compared with those of the listing, so they count by its time.
    const listedAt = this.#listing.now;
    const unplaced = this.#listing.items.flatMap(({ job, candidate }) =>
      candidate !== null && candidate.targetId === null && mayHaveFurtherLink(candidate.operation) ? [job.id] : [],
    );
    for await (const page of run.store.list(query, run.limits.reads)) {
      this.#add(findCompetingJobs(page, run, listedAt));
      unplaced.push(...page.filter((job) => isUnplaced(job, run)).map(({ id }) => id));
    }
    // The listing has the first link of an operation only: where that names nothing, another one may name the target.
    for (const ids of chunk([...new Set(unplaced)], READ_BATCH)) {
      const read = await run.store.readJobs(ids, run.limits.reads);
      this.#place(findCompetingJobs([...read.values()], run, listedAt));
    }
  }

  #add(jobs: readonly CompetingJob[]): void {
    this.#place(jobs.filter(({ id }) => !this.#worked.has(id)));
  }

  #place(jobs: readonly CompetingJob[]): void {
    for (const job of jobs) {
      const key = targetKey(job.target);
      const known = this.#byTarget.get(key);
      if (known === undefined) this.#byTarget.set(key, [job]);
      else if (!known.some(({ id }) => id === job.id)) known.push(job);
    }
  }
}
