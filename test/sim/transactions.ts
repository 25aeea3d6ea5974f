import type { Job } from "../../src/core/domain/job.ts";
import { isObject } from "../../src/core/domain/json.ts";
import type { AtomicWrite, AtomicWriter } from "../../src/core/ports/atomic-writer.ts";
import type { JobStore, JobUpdate, WriteResult } from "../../src/core/ports/ports.ts";
import { parseAttachment, parseJob } from "../../src/stores/airtable/parse-records.ts";
import { EXCHANGE_LIMIT, isLocked, type Line, refusalOf, wire } from "./network.ts";
import { fieldsOf } from "./runner.ts";

/** What may come between a transaction and its answer; what comes before leaves the store as it was. */
const FAULTS = ["away before", "hang before", "away after", "hang after", "slow after"] as const;

/**
 * The same world as a store with transactions would have it: a job, its target and the journal's lines are written in one
 * instant, if both records are as they were read, or none of them is.
 */
export function transactionsOf(line: Line): AtomicWriter {
  const { world, random, name, pulse } = line;
  const { clock, scenario } = world;
  return {
    batchSize: 100,
    keepsJournal: true,
    async write(writes, by, signal) {
      const sentAt = clock.now();
      const all = (error: string): readonly WriteResult[] =>
        writes.map((write) => ({ id: idOf(write), kind: "unconfirmed", error }));
      await pulse();
      const fault =
        line.troubled && !world.calm && random.chance(scenario.trouble.airtable) ? random.pick(FAULTS) : "none";
      if (fault !== "none") world.log(`${name}: ${fault} at a transaction`);
      const cut = await until(signal, clock.sleep(random.whole(5, 60), signal));
      if (cut) return all("the deadline cut the answer off");
      if (fault === "away before") return all("the server is away");
      if (fault === "hang before") {
        await until(signal, clock.sleep(EXCHANGE_LIMIT, signal));
        return all("timed out");
      }
      await line.committing?.();
      const arrivals: (() => void)[] = [];
      const results = writes.map((write) => writeBoth(line, write, by, sentAt, arrivals));
      world.fetchAttachments();
      await pulse();
      if (fault === "away after") return all("the answer to the commit was lost");
      const wait =
        fault === "hang after"
          ? EXCHANGE_LIMIT
          : fault === "slow after"
            ? random.whole(20, 9_000)
            : random.whole(5, 60);
      if ((await until(signal, clock.sleep(wait, signal))) || fault === "hang after")
        return all("the answer to the commit was lost");
      for (const arrive of arrivals) arrive();
      return results;
    },
  };
}

/** The store of such a world: it lists jobs with their versions. */
export function withVersions(store: JobStore): JobStore {
  return {
    ...store,
    async *list(query, signal) {
      for await (const page of store.list(query, signal)) {
        yield page.map((job) => {
          const version = versionOf(job);
          return version === null ? job : { ...job, version };
        });
      }
    },
  };
}

/** All that verdicts rest on, as PostgreSQL's statement takes it; null where one of the long texts is not blank. */
function versionOf({ notes, responsePayload, error, links, ...job }: Job): string | null {
  if ([notes, responsePayload, error ?? ""].some((text) => text !== "")) return null;
  const { status, externalId, startedAt, applicationId, type, payload, webhookUrl, fields } = job;
  const targets = Object.values(links).flat();
  return JSON.stringify([status, externalId, startedAt, applicationId, type, payload, webhookUrl, targets, fields]);
}

/** Waits; returns whether the signal ended the wait. */
async function until(signal: AbortSignal, wait: Promise<void>): Promise<boolean> {
  try {
    await wait;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return signal.aborted;
}

function idOf({ job, target }: AtomicWrite): string {
  return job?.update.id ?? target?.update.id ?? "";
}

/** Writes both records in one instant, or none, and the journal's lines with them. */
function writeBoth(
  { world, recorder, name }: Line,
  write: AtomicWrite,
  by: Parameters<AtomicWriter["write"]>[1],
  sentAt: number,
  arrivals: (() => void)[],
): WriteResult {
  const id = idOf(write);
  const { job, target, records } = write;
  const hindrance = jobHindrance(world, job) ?? targetHindrance(world, target);
  if (hindrance !== null) return { id, ...hindrance };
  if (job?.read.version !== undefined) recorder.foundAsListed(name, id);
  const requests = [
    ...(target === null ? [] : [patch(target.table, target.update.id, target.update.fields)]),
    ...(job === null ? [] : [patch("Jobs", job.update.id, cellsOf(job.update, fieldsOf(world)))]),
  ];
  const { scenario, clock, base } = world;
  for (const request of requests) {
    const refusal = refusalOf(request, scenario, clock.now());
    if (refusal !== null || isLocked(request, scenario.locked))
      return { id, kind: "refused", error: "a constraint refuses it" };
  }
  const files: Record<string, ReturnType<typeof parseAttachment>[]> = {};
  for (const request of requests) {
    const heard = recorder.carriedOut(name, request, sentAt, () =>
      base.handle(wire(request, scenario.pageSize), clock.now()),
    );
    arrivals.push(heard.arrive);
    if (heard.reply.status !== 200) throw new Error(`the world refuses a transaction: ${heard.reply.body}`);
    for (const [field, cell] of Object.entries(fieldsIn(heard.reply.body))) {
      if (Array.isArray(cell) && Object.hasOwn(request.body.records[0]?.fields ?? {}, field))
        files[field] = cell.map(parseAttachment);
    }
  }
  const confirmed: WriteResult = { id, kind: "confirmed", files };
  void world.journal.recordIntent(records, by).then((settle) => settle(records.map(() => confirmed)));
  return confirmed;
}

function fieldsIn(body: string): Readonly<Record<string, unknown>> {
  const answered: unknown = JSON.parse(body);
  if (!isObject(answered) || !Array.isArray(answered.records)) return {};
  const [record]: readonly unknown[] = answered.records;
  return isObject(record) && isObject(record.fields) ? record.fields : {};
}

function patch(table: string, id: string, fields: object) {
  return {
    method: "PATCH" as const,
    path: `/${encodeURIComponent(table)}/`,
    body: { records: [{ id, fields: { ...fields } }] },
  };
}

function cellsOf({ status, responsePayload, error, notes }: JobUpdate, fields: ReturnType<typeof fieldsOf>) {
  const cells = [
    [fields.status, status],
    [fields.responsePayload, responsePayload],
    [fields.error, error],
    [fields.notes, notes],
  ] as const;
  return Object.fromEntries(cells.filter(([field, value]) => field !== null && value !== undefined));
}

type Hindrance = { readonly kind: "deleted" | "changed"; readonly error: string };
const GONE: Hindrance = { kind: "deleted", error: "no such row any more" };
const CHANGED: Hindrance = { kind: "changed", error: "the row is not as it was read any more" };

/** As PostgreSQL's statement: the version, or else status, external id, and the notes where a line is added to them. */
function jobHindrance(world: Line["world"], job: AtomicWrite["job"]): Hindrance | null {
  if (job === null) return null;
  const record = world.base.record("Jobs", job.update.id);
  if (record === undefined) return GONE;
  const cell = (name: string | null) => (name === null ? "" : String(record.fields[name] ?? ""));
  const { read, update } = job;
  const fields = fieldsOf(world);
  if (read.version !== undefined) {
    // No job of these worlds has links, or is named by further fields.
    const now = parseJob(record, { ...fields, links: new Map(), furtherFields: new Map() });
    return versionOf(now) === read.version ? null : CHANGED;
  }
  const isSame =
    cell(fields.status) === read.status &&
    cell(fields.externalId).trim() === (read.externalId ?? "").trim() &&
    (update.notes === undefined || cell(fields.notes).trimEnd() === read.notes.trimEnd());
  return isSame ? null : CHANGED;
}

/** Each field that is written is as it was read. */
function targetHindrance(world: Line["world"], target: AtomicWrite["target"]): Hindrance | null {
  if (target === null) return null;
  const record = world.base.record(target.table, target.update.id);
  if (record === undefined) return GONE;
  const isSame = Object.keys(target.update.fields).every((field) => {
    const now = record.fields[field];
    const files = target.read.attachments[field];
    if (files !== undefined) return namesOf(now) === namesOf(files);
    return JSON.stringify(now ?? null) === JSON.stringify(target.read.cells[field] ?? null);
  });
  return isSame ? null : CHANGED;
}

/** Names files by what stays the same; one that a person put there has no id. */
function namesOf(files: unknown): string {
  if (!Array.isArray(files)) return "";
  return files.map((file: unknown) => (isObject(file) ? String(file.id ?? file.filename) : "")).join(" ");
}
