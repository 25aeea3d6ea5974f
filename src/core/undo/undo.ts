import type { Instant, Job } from "../domain/job.ts";
import { isUpstreamFailure, type UpstreamFailure } from "../ports/errors.ts";
import type { Change, PendingWrite } from "../ports/journal.ts";
import type { JobUpdate, TargetRecord, TargetUpdate, WriteResult } from "../ports/ports.ts";
import { batches, groupBy, READ_BATCH } from "../sweep/apply/batches.ts";
import { withJournal } from "../sweep/apply/journaled-writes.ts";
import { MAX_READ_AGE_MS } from "../sweep/apply/recovery.ts";
import { serverNow } from "../sweep/clock-skew.ts";
import type { SweepContext } from "../sweep/context.ts";
import type { ChangeSet, RecordWrites } from "./change-sets.ts";
import { jobRestored, type RestorePlan, targetFields, targetRestored } from "./restore.ts";

/** How often a portion is read and written when answers are lost; what became of the last try is read as well. */
const ROUNDS = 4;

/** What became of one record. */
export type UndoOutcome = "restored" | "as-it-was" | "not-ours-any-more" | "cannot";

/** A record that a run had written, and what became of it; in a dry run, what would. */
export interface Undone {
  readonly role: "job" | "target";
  readonly table: string;
  readonly id: string;
  /** The job on whose account the record was written. */
  readonly job: string;
  readonly outcome: UndoOutcome;
  readonly detail: string;
  /** What was put back, by field. */
  readonly fields: Readonly<Record<string, Change>>;
}

/** All that an undo is given. */
export type UndoRun = Pick<
  SweepContext,
  "store" | "clock" | "random" | "limits" | "signature" | "dryRun" | "completedStatus" | "journal"
> & {
  /** As texts were redacted for the journal, with which they are compared. */
  readonly redact: (text: string) => string;
};

/**
 * Puts back what a run wrote, wherever a record still holds it: fifty deeds at a time, the jobs first and then their
 * targets, so that no completed job ever points at a target that was emptied. What was left without a trustworthy
 * answer is read again. `fault` is what cut it short; what was not come to by then is told as such.
 */
export async function undo(
  deeds: readonly ChangeSet[],
  run: UndoRun,
): Promise<{ readonly records: readonly Undone[]; readonly fault: UpstreamFailure | null }> {
  const told: UndoProgress = { outcomes: new Map(), sent: new Map() };
  let fault: UpstreamFailure | null = null;
  try {
    for (let start = 0; start < deeds.length; start += READ_BATCH) {
      if (run.limits.start.aborted) break;
      await undoPortion(deeds.slice(start, start + READ_BATCH), told, run);
    }
  } catch (error) {
    if (isUpstreamFailure(error)) fault = error;
    else if (!run.limits.reads.aborted && !run.limits.writes.aborted) throw error;
  }
  const all = deeds.flatMap((deed) => itemsOf(deed));
  for (const item of all) if (!told.outcomes.has(keyOf(item))) tell(told, item, unsettled(item, told));
  return { records: all.flatMap((item) => told.outcomes.get(keyOf(item)) ?? []), fault };
}

/** What is known by now: what became of records, and what was sent to put them back. */
interface UndoProgress {
  readonly outcomes: Map<string, Undone>;
  readonly sent: Map<string, RestorePlan<unknown>>;
}

interface Item {
  readonly role: "job" | "target";
  readonly deed: ChangeSet;
  readonly past: RecordWrites;
}

/** A record right after it was read. */
interface CurrentJob extends Item {
  readonly now: Job | undefined;
  readonly standing: RestorePlan<JobUpdate>;
}

interface CurrentTarget extends Item {
  readonly standing: RestorePlan<TargetUpdate>;
}

interface CurrentChangeSet {
  readonly deed: ChangeSet;
  readonly jobs: readonly CurrentJob[];
  readonly targets: readonly CurrentTarget[];
  /** One that stands completed, and would be left without a file. */
  readonly resting: ChangeSet["dependents"][number] | null;
}

/** The records that a deed is told by. A job that it only looks at is none of them. */
function itemsOf(deed: ChangeSet): readonly Item[] {
  const jobs = deed.jobs.filter(({ writes }) => writes.length > 0);
  return [
    ...jobs.map((past): Item => ({ role: "job", deed, past })),
    ...deed.targets.map((past): Item => ({ role: "target", deed, past })),
  ];
}

async function undoPortion(portion: readonly ChangeSet[], told: UndoProgress, run: UndoRun): Promise<void> {
  let pending = portion;
  let size = Number.POSITIVE_INFINITY;
  for (let round = 1; pending.length > 0; round += 1) {
    if (round > 1) await run.clock.sleep(250 * 2 ** round * (0.5 + run.random()), run.limits.writes);
    const { found, readAt } = await readDeeds(pending, run);
    for (const each of found) settle(each, told, run);
    if (run.dryRun || round > ROUNDS) return;
    const send = async <T extends CurrentJob | CurrentTarget>(
      items: readonly T[],
      write: (batch: readonly T[]) => Promise<readonly WriteResult[]>,
    ) => {
      for (const batch of batches(items, ({ past }) => past.id).flatMap((each) => inParts(each, size))) {
        if (run.clock.now() - readAt > MAX_READ_AGE_MS) return;
        for (const item of batch) told.sent.set(keyOf(item), item.standing);
        const results = await write(batch);
        for (const [n, item] of batch.entries()) tellResult(told, item, results[n]);
        if (results.some(({ kind }) => kind === "batch-rejected")) size = 1;
      }
    };
    await send(
      found.flatMap(({ jobs }) => jobs.filter((item) => isOpen(item, told))),
      (batch) => writeJobs(batch, run),
    );
    const ready = found.filter((each) => jobsRestored(each, told));
    const targets = ready.flatMap((each) => each.targets.filter((item) => isOpen(item, told)));
    for (const [table, group] of groupBy(targets, ({ past }) => past.table)) {
      await send(group, (batch) => writeTargets(table, batch, run));
    }
    pending = found
      .filter((each) => [...each.jobs, ...each.targets].some((item) => isOpen(item, told)))
      .map(({ deed }) => deed);
  }
}

async function readDeeds(
  deeds: readonly ChangeSet[],
  run: UndoRun,
): Promise<{ readonly found: readonly CurrentChangeSet[]; readonly readAt: Instant }> {
  const jobIds = [...new Set(deeds.flatMap(({ jobs, dependents }) => [...jobs, ...dependents].map(({ id }) => id)))];
  const jobs = new Map<string, Job>();
  const readAt = run.clock.now();
  for (const fifty of portionsOf(jobIds)) {
    for (const [id, job] of await run.store.readJobs(fifty, run.limits.reads)) jobs.set(id, job);
  }
  const targets = new Map<string, TargetRecord>();
  const wanted = deeds.flatMap((deed) => deed.targets);
  for (const [table, group] of groupBy(wanted, (target) => target.table)) {
    for (const fifty of portionsOf([...new Set(group.map(({ id }) => id))])) {
      const records = await run.store.readTargets(table, fifty, targetFields(group), run.limits.reads);
      for (const [id, record] of records) targets.set(`${table} ${id}`, record);
    }
  }
  const line = { at: serverNow(run), by: run.signature, redact: run.redact };
  const found = deeds.map((deed): CurrentChangeSet => {
    return {
      deed,
      jobs: deed.jobs.map((past): CurrentJob => {
        const now = jobs.get(past.id);
        return { role: "job", deed, past, now, standing: jobRestored(past, now, { run: deed.run, ...line }) };
      }),
      targets: deed.targets.map((past): CurrentTarget => {
        const standing = targetRestored(past, targets.get(`${past.table} ${past.id}`), run.redact);
        return { role: "target", deed, past, standing };
      }),
      resting: deed.dependents.find(({ id }) => jobs.get(id)?.status === run.completedStatus) ?? null,
    };
  });
  return { found, readAt };
}

/** Tells what reading alone has settled. What is to be put back stays open, but in a dry run. */
function settle({ jobs, targets, resting }: CurrentChangeSet, told: UndoProgress, run: UndoRun): void {
  const lost = targets.find(({ standing }) => standing.kind === "cannot");
  if (lost === undefined && resting !== null && targets.some(({ standing }) => standing.kind === "restore")) {
    const detail = `${resting.id} stands completed and rests on this file: take run ${resting.run} back first`;
    for (const item of [...jobs, ...targets]) {
      if (item.standing.kind === "restore") tell(told, item, { outcome: "cannot", detail });
      else tellStanding(told, item, run);
    }
    return;
  }
  const completed = jobs.find(({ now, standing }) => {
    return now?.status === run.completedStatus && standing.kind !== "restore";
  });
  for (const item of jobs) {
    // Half of it would leave a job that is stuck again beside a target that is not free.
    if (lost === undefined || item.standing.kind !== "restore") tellStanding(told, item, run);
    else tell(told, item, { outcome: "cannot", detail: `its target ${lost.past.id} cannot be put back` });
  }
  for (const item of targets) {
    if (item.standing.kind !== "restore") tellStanding(told, item, run);
    else if (lost !== undefined) tell(told, item, { outcome: "cannot", detail: `${lost.past.id} cannot be put back` });
    else if (completed !== undefined) {
      tell(told, item, { outcome: "cannot", detail: `${completed.past.id} stands completed, and its file is here` });
    } else tellStanding(told, item, run);
  }
}

function tellStanding(told: UndoProgress, item: CurrentJob | CurrentTarget, run: UndoRun): void {
  const { standing } = item;
  const sent = told.sent.get(keyOf(item));
  if (standing.kind === "restore") {
    if (run.dryRun) tell(told, item, { ...standing, outcome: "restored" });
  } else if (standing.kind === "as-it-was" && sent?.kind === "restore") {
    // The answer was lost, the write was not.
    tell(told, item, { ...sent, outcome: "restored" });
  } else tell(told, item, { outcome: standing.kind, detail: standing.detail });
}

function tellResult(told: UndoProgress, item: CurrentJob | CurrentTarget, result: WriteResult | undefined): void {
  if (result?.kind === "confirmed" && item.standing.kind === "restore") {
    tell(told, item, { ...item.standing, outcome: "restored" });
  } else if (result?.kind === "refused") tell(told, item, { outcome: "cannot", detail: result.error });
  else if (result?.kind === "deleted") tell(told, item, { outcome: "not-ours-any-more", detail: "the record is gone" });
}

function tell(
  { outcomes }: UndoProgress,
  item: Item,
  { outcome, detail, fields = {} }: { outcome: UndoOutcome; detail: string; fields?: Undone["fields"] },
): void {
  const { role, deed, past } = item;
  if (past.writes.length === 0) return;
  const job = role === "job" ? past.id : (deed.jobs[0]?.id ?? "");
  outcomes.set(keyOf(item), { role, table: past.table, id: past.id, job, outcome, detail, fields });
}

function unsettled(item: Item, { outcomes, sent }: UndoProgress): Pick<Undone, "outcome" | "detail"> {
  if (sent.has(keyOf(item)))
    return { outcome: "cannot", detail: "it was written, and the base did not say that it took it" };
  const job = item.deed.jobs.find((past) => outcomes.get(keyOf({ ...item, role: "job", past }))?.outcome === "cannot");
  return { outcome: "cannot", detail: job === undefined ? "not reached" : `${job.id} could not be put back` };
}

/** Whether a record is to be written, and nothing is told of it yet. */
function isOpen(item: CurrentJob | CurrentTarget, { outcomes }: UndoProgress): boolean {
  return item.standing.kind === "restore" && !outcomes.has(keyOf(item));
}

/** Whether the jobs of a deed are all put back that were to be: only then its targets may be. */
function jobsRestored({ jobs }: CurrentChangeSet, { outcomes }: UndoProgress): boolean {
  return jobs.every((item) => item.standing.kind !== "restore" || outcomes.get(keyOf(item))?.outcome === "restored");
}

async function writeJobs(batch: readonly CurrentJob[], run: UndoRun): Promise<readonly WriteResult[]> {
  const updates = batch.flatMap(({ standing }) => (standing.kind === "restore" ? [standing.update] : []));
  const announced = () => batch.map((item) => announcedOf(item, null));
  return await withJournal(announced, () => run.store.updateJobs(updates, run.limits.writes), {
    ...run,
    command: "undo",
  });
}

async function writeTargets(
  table: string,
  batch: readonly CurrentTarget[],
  run: UndoRun,
): Promise<readonly WriteResult[]> {
  const updates = batch.flatMap(({ standing }) => (standing.kind === "restore" ? [standing.update] : []));
  const announced = () => batch.map((item) => announcedOf(item, { table, id: item.past.id }));
  const send = () => run.store.updateTargets(table, updates, run.limits.writes);
  return await withJournal(announced, send, { ...run, command: "undo" });
}

function announcedOf(
  { deed, past, standing }: CurrentJob | CurrentTarget,
  target: PendingWrite["target"],
): PendingWrite {
  const job = deed.jobs.find(({ id }) => id === past.id) ?? deed.jobs[0];
  const update = standing.kind === "restore" ? standing.update : null;
  return {
    job: { id: job?.id ?? "", externalId: job?.externalId ?? null, operation: null, since: null, age: null },
    target,
    fields: standing.kind === "restore" ? standing.fields : {},
    note: update !== null && "notes" in update ? (update.notes?.split("\n").at(-1) ?? null) : null,
    reason: "undone",
    detail: standing.detail,
    supersededBy: null,
    evidence: { probes: [], provider: null, calibration: null },
    undoes: deed.run,
  };
}

function keyOf({ role, past }: Item): string {
  return `${role} ${past.table} ${past.id}`;
}

function inParts<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return items.length <= size ? [items] : items.map((item) => [item]);
}

/** As many records as are read in one request. */
function portionsOf(ids: readonly string[]): readonly (readonly string[])[] {
  return Array.from({ length: Math.ceil(ids.length / READ_BATCH) }, (_, n) =>
    ids.slice(n * READ_BATCH, (n + 1) * READ_BATCH),
  );
}
