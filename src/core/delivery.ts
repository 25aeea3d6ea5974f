import { batches, CHUNK } from "./apply-recoveries.ts";
import { recordedOutput } from "./calibrate.ts";
import { fileNameOf, type Output } from "./evidence.ts";
import type { Job, Operation, Target } from "./job.ts";
import {
  appendLine,
  bytesNoted,
  REDELIVERED_MARK,
  redeliveredLine,
  UNDELIVERED_MARK,
  undeliveredLine,
} from "./notes.ts";
import type { JobUpdate, TargetRecord } from "./ports.ts";
import type { Case, Run } from "./run.ts";
import { operationOf, targetOf } from "./target.ts";
import type { Verdict } from "./verdict.ts";

/** A job that this tool completed, whose file is not in its target's field, or is there in another size. */
interface Undelivered {
  readonly job: Job;
  readonly operation: Operation;
  readonly target: Target;
  readonly url: string;
  /** What was found in the field instead, for people. */
  readonly found: string;
}

/**
 * Looks whether the files that were written in the last hour arrived. Airtable fetches an attachment after it has
 * confirmed the write, and drops it silently when it cannot. Such a file is written once more; when that was done
 * before, the job gets an error note instead. Returns the cases that came of it.
 */
export async function verifyDeliveries(ids: readonly string[], run: Run): Promise<readonly Case[]> {
  const cases: Case[] = [];
  for (let start = 0; start < ids.length && !run.limits.begin.aborted; start += CHUNK) {
    const jobs = await run.store.readJobs(ids.slice(start, start + CHUNK), run.limits.reads);
    const undelivered = await findUndelivered([...jobs.values()], run);
    const again = undelivered.filter(({ job }) => !job.notes.includes(REDELIVERED_MARK));
    const twice = undelivered.filter(({ job }) => job.notes.includes(REDELIVERED_MARK));
    cases.push(...(await writeAgain(again, run)), ...(await tellUndelivered(twice, run)));
  }
  return cases;
}

async function findUndelivered(jobs: readonly Job[], run: Run): Promise<readonly Undelivered[]> {
  const deliveries = jobs.flatMap((job) => deliveryOf(job, run));
  const found: Undelivered[] = [];
  for (const table of new Set(deliveries.map(({ target }) => target.table))) {
    const own = deliveries.filter(({ target }) => target.table === table);
    const fields = [...new Set(own.map(({ target }) => target.field))];
    const ids = [...new Set(own.map(({ target }) => target.id))];
    const records = await run.store.readTargets(table, ids, fields, run.limits.reads);
    for (const delivery of own) {
      const trouble = troubleWith(delivery, records.get(delivery.target.id));
      if (trouble !== null) found.push({ ...delivery, found: trouble });
    }
  }
  return found;
}

/** The delivery that a job's record tells of; none where another hand completed it, or no file was written for it. */
function deliveryOf(job: Job, run: Run): readonly Omit<Undelivered, "found">[] {
  if (job.status !== run.completedStatus || job.notes.includes(UNDELIVERED_MARK)) return [];
  if (!job.responsePayload.includes('"completed_via":"polling"') || job.notes.includes("superseded by job")) return [];
  const lookup = operationOf(job, run.policy.operations);
  const url = recordedOutput(job.responsePayload);
  if (lookup.kind === "unknown" || url === null) return [];
  const { operation } = lookup;
  const target = targetOf(job, operation);
  if (target.kind !== "named") return [];
  return [
    { job, operation, url, target: { table: operation.target.table, id: target.id, field: operation.attachment } },
  ];
}

/** What is wrong with the field; null where the file is there, is still being fetched, or another one took its place. */
function troubleWith(
  { job, target, url }: Omit<Undelivered, "found">,
  record: TargetRecord | undefined,
): string | null {
  if (record === undefined) return null;
  const files = record.attachments[target.field] ?? [];
  if (files.length === 0) return `${target.field} is empty`;
  const file = files.find(({ filename }) => filename === fileNameOf(url));
  const expected = bytesNoted(job.notes);
  if (file === undefined || file.size === null || expected === null || file.size === expected) return null;
  return `${target.field} holds ${file.size} of ${expected} bytes`;
}

async function writeAgain(undelivered: readonly Undelivered[], run: Run): Promise<readonly Case[]> {
  const cases: Case[] = [];
  for (const batch of batches(undelivered, ({ target }) => target.id)) {
    const seen: { delivery: Undelivered; output: Output }[] = [];
    for (const delivery of batch) {
      const sighting = await run.probe.look(delivery.url, run.limits.reads);
      if (sighting.result === "present") seen.push({ delivery, output: sighting.output });
    }
    for (const { delivery, output } of seen) {
      const verdict: Verdict = { kind: "recover", reason: "delivery-retried", output, detail: delivery.found };
      cases.push(caseOf(delivery, verdict));
    }
    if (run.dryRun || seen.length === 0) continue;
    const [first] = seen;
    const table = first?.delivery.target.table ?? "";
    const updates = seen.map(({ delivery: { target }, output }) => ({
      id: target.id,
      fields: { [target.field]: [{ url: output.url }] },
    }));
    const results = await run.store.updateTargets(table, updates, run.limits.writes);
    const written = seen.filter((_, index) => results[index]?.kind === "confirmed");
    const notes = written.map(({ delivery: { job, found }, output }) => ({
      id: job.id,
      notes: appendLine(job.notes, redeliveredLine(output, found, run.clock.now(), run.signature)),
    }));
    await note(notes, cases, run);
  }
  return cases;
}

async function tellUndelivered(undelivered: readonly Undelivered[], run: Run): Promise<readonly Case[]> {
  const cases = undelivered.map((delivery) =>
    caseOf(delivery, { kind: "skip", reason: "delivery-failed", detail: `${delivery.found}, twice` }),
  );
  if (run.dryRun) return cases;
  for (const batch of batches(undelivered, ({ job }) => job.id)) {
    const updates = batch.map(({ job, url, found }) => {
      const line = undeliveredLine(fileNameOf(url), found, run.clock.now(), run.signature);
      return { id: job.id, error: line, notes: appendLine(job.notes, line) };
    });
    await note(updates, cases, run);
  }
  return cases;
}

/** Writes what concerns the jobs themselves. An answer that is lost leaves the case unapplied: the next sweep looks. */
async function note(updates: readonly JobUpdate[], cases: readonly Case[], run: Run): Promise<void> {
  if (updates.length === 0) return;
  for (const result of await run.store.updateJobs(updates, run.limits.writes)) {
    const item = cases.find(({ job }) => job.id === result.id);
    if (item === undefined) continue;
    if (result.kind === "confirmed") item.applied = true;
    else item.error = result.error;
  }
}

function caseOf({ job, operation, target }: Undelivered, verdict: Verdict): Case {
  const { id, externalId, type, status, since } = job;
  return {
    job: { id, externalId, type, status, since },
    operation: operation.name,
    age: null,
    late: false,
    candidate: null,
    sightings: [],
    probedAt: null,
    verdict,
    target,
    applied: false,
    error: null,
  };
}
