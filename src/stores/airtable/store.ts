import { isRecordId, type Job } from "../../core/domain/job.ts";
import type { Operation } from "../../core/domain/operation.ts";
import { TableRefused, UpstreamError } from "../../core/ports/errors.ts";
import type { CellValue, JobHistory, JobQuery, JobStore, JobUpdate } from "../../core/ports/ports.ts";
import { type ApiRecord, fieldNames, type JobFields } from "./api-records.ts";
import { createNames } from "./field-names.ts";
import { and, byIds, field, listing, or, quote, timestamp } from "./formula.ts";
import { listPage, listRecords } from "./list-records.ts";
import { ReadRefused, type Requests } from "./requests.ts";
import { writeRecords } from "./write-records.ts";

/** What the configuration says of the base; tables and fields by name or id, fields that it leaves out null. */
export interface StoreOptions {
  readonly baseId: string;
  readonly jobs: {
    readonly table: string;
    readonly fields: Omit<JobFields, "links"> & {
      /** When a job was completed. Only its history needs it: no sweep asks for it. */
      readonly completedAt: string | null;
    };
    readonly completedStatus: string;
  };
  readonly operations: readonly Operation[];
}

/** How many pages of completed jobs are read in search of the newest: beyond that a base is told from its last day. */
const COMPLETED_PAGES = 5;

/** The jobs and targets of one base. */
export function createStore(requests: Requests, { baseId, jobs, operations }: StoreOptions): JobStore & JobHistory {
  const names = createNames(configuredFields(jobs, operations), (signal) =>
    requests.read({ method: "GET", under: "meta", path: `/bases/${baseId}/tables` }, signal),
  );

  /** The jobs' fields by the base's names; `links` are those the request brings. */
  async function jobFields(signal: AbortSignal, links: readonly string[]): Promise<JobFields> {
    const nameOf = await names.resolve(signal);
    const named = (name: string | null) => (name === null ? null : nameOf(jobs.table, name));
    const { fields } = jobs;
    return {
      status: nameOf(jobs.table, fields.status),
      externalId: nameOf(jobs.table, fields.externalId),
      ownId: named(fields.ownId),
      type: named(fields.type),
      requestPayload: named(fields.requestPayload),
      responsePayload: named(fields.responsePayload),
      webhookUrl: named(fields.webhookUrl),
      error: named(fields.error),
      notes: named(fields.notes),
      startedAt: named(fields.startedAt),
      links: new Map(links.map((link) => [link, nameOf(jobs.table, link)])),
    };
  }

  return {
    async *list(query, signal) {
      const fields = await jobFields(signal, firstLinks(operations));
      const parameters = {
        table: jobs.table,
        fields: fieldNames(fields),
        filterByFormula: listing(listingFormula(fields, query)),
      };
      try {
        for await (const { records } of listRecords(requests, parameters, signal))
          yield await parseJobs(records, fields);
      } catch (error) {
        throw asConfigError(error, jobs.table);
      }
    },

    async readJobs(ids, signal) {
      const fields = await jobFields(signal, allLinks(operations));
      const records = await readByIds(requests, jobs.table, ids, undefined, signal);
      return new Map((await parseJobs(records, fields)).map((job) => [job.id, job]));
    },

    async findJobs(externalIds, signal) {
      const fields = await jobFields(signal, []);
      const filterByFormula = or(...externalIds.map((id) => `${field(fields.externalId)}=${quote(id)}`));
      const parameters = { table: jobs.table, fields: fieldNames(fields), filterByFormula };
      const { records } = await listPage(requests, parameters, null, signal);
      return await parseJobs(records, fields);
    },

    async readTargets(table, ids, { attachments, cells }, signal) {
      const nameOf = await names.resolve(signal);
      const named = (fields: readonly string[]) => new Map(fields.map((name) => [name, nameOf(table, name)]));
      const fields = { attachments: named(attachments), cells: named(cells) };
      const wanted = [...new Set([...fields.attachments.values(), ...fields.cells.values()])];
      try {
        const records = await readByIds(requests, table, ids, wanted, signal);
        const { parseTarget: targetOf } = await import("./parse-records.ts");
        return new Map(records.map((record) => [record.id, targetOf(record, fields)]));
      } catch (error) {
        throw error instanceof UpstreamError && error.code !== "unavailable" ? new TableRefused(table, error) : error;
      }
    },

    updateTargets: (table, updates, signal) => writeRecords(requests, table, updates, signal),

    updateJobs: (updates, signal) =>
      writeRecords(
        requests,
        jobs.table,
        updates.map((update) => ({ id: update.id, fields: cellsOf(update, jobs.fields) })),
        signal,
      ),

    async listCompleted(after, signal) {
      const fields = await jobFields(signal, []);
      const { responsePayload } = fields;
      if (responsePayload === null) return { jobs: [], complete: true };
      const conditions = [
        `${field(fields.status)}=${quote(jobs.completedStatus)}`,
        `${field(responsePayload)}!=''`,
        ...(after === null ? [] : [`IS_AFTER(CREATED_TIME(),${timestamp(after)})`]),
      ];
      const parameters = { table: jobs.table, fields: fieldNames(fields), filterByFormula: and(...conditions) };
      const found: Job[] = [];
      let pages = 0;
      for await (const { records, offset } of listRecords(requests, parameters, signal)) {
        found.push(...(await parseJobs(records, fields)));
        pages += 1;
        if (offset !== null && pages === COMPLETED_PAGES) return { jobs: found, complete: false };
      }
      return { jobs: found, complete: true };
    },

    async *listSince(after, signal) {
      const fields = await jobFields(signal, firstLinks(operations));
      const { completedAt } = jobs.fields;
      const finished = completedAt === null ? null : (await names.resolve(signal))(jobs.table, completedAt);
      const parameters = {
        table: jobs.table,
        fields: [...new Set([...fieldNames(fields), ...(finished === null ? [] : [finished])])],
        filterByFormula: `IS_AFTER(CREATED_TIME(),${timestamp(after)})`,
      };
      try {
        for await (const { records, offset } of listRecords(requests, parameters, signal)) {
          const { parseInstant: instantIn, parseJob: jobOf } = await import("./parse-records.ts");
          const jobs = records.map((record) => ({
            job: jobOf(record, fields),
            completedAt: finished === null ? null : instantIn(record.fields[finished]),
          }));
          yield { jobs, last: offset === null };
        }
      } catch (error) {
        throw asConfigError(error, jobs.table);
      }
    },

    requests: requests.sent,
    clockSkewMs: requests.skew,
  };
}

/** Most runs are answered with no record, and are not made to load what reads one. */
async function parseJobs(records: readonly ApiRecord[], fields: JobFields): Promise<readonly Job[]> {
  if (records.length === 0) return [];
  const { jobsOf } = await import("./parse-records.ts");
  return jobsOf(records, fields);
}

/** At most 50 records by their ids. A base that lacks a field is asked for all: the write will name what is wrong. */
async function readByIds(
  requests: Requests,
  table: string,
  ids: readonly string[],
  fields: readonly string[] | undefined,
  signal: AbortSignal,
) {
  const known = ids.filter(isRecordId);
  if (known.length === 0) return [];
  const parameters = { table, filterByFormula: byIds(known) };
  try {
    const { records } = await listPage(
      requests,
      { ...parameters, ...(fields === undefined ? {} : { fields }) },
      null,
      signal,
    );
    return records;
  } catch (error) {
    const fieldIsMissing = error instanceof ReadRefused && error.type === "UNKNOWN_FIELD_NAME" && fields !== undefined;
    if (!fieldIsMissing) throw asConfigError(error, table);
    return (await listPage(requests, parameters, null, signal)).records;
  }
}

/** A request that Airtable understood and refuses is one that the configuration made it send. */
function asConfigError(error: unknown, table: string): unknown {
  if (!(error instanceof ReadRefused)) return error;
  return new UpstreamError(
    "config",
    `${error.message}, for table "${table}"`,
    "The configuration names a field that the base does not have. Check jobs.fields and the first of each operation's target.links.",
    { cause: error },
  );
}

function listingFormula(fields: JobFields, { statuses, before, future, named, revisit }: JobQuery) {
  return {
    status: fields.status,
    externalId: fields.externalId,
    notes: fields.notes,
    startedAt: fields.startedAt,
    statuses,
    before,
    future,
    named: named ?? null,
    revisit: revisit ?? null,
  };
}

function cellsOf(update: JobUpdate, fields: StoreOptions["jobs"]["fields"]): Record<string, CellValue> {
  const cells: Record<string, CellValue> = {};
  const put = (name: string | null, value: string | null | undefined) => {
    if (name !== null && value !== undefined) cells[name] = value;
  };
  put(fields.status, update.status);
  put(fields.responsePayload, update.responsePayload);
  put(fields.error, update.error);
  put(fields.notes, update.notes);
  return cells;
}

/** The listing asks for these only: a base may lack the others, and Airtable refuses unknown names. */
function firstLinks(operations: readonly Operation[]): readonly string[] {
  return [...new Set(operations.flatMap(({ target }) => target.links.slice(0, 1)))];
}

function allLinks(operations: readonly Operation[]): readonly string[] {
  return [...new Set(operations.flatMap(({ target }) => target.links))];
}

function configuredFields(
  { table, fields }: StoreOptions["jobs"],
  operations: readonly Operation[],
): readonly (readonly [string, string])[] {
  const ofJobs = [...Object.values(fields).filter((name) => name !== null), ...allLinks(operations)];
  return [
    ...ofJobs.map((name) => [table, name] as const),
    ...operations.flatMap(({ target, attachment, set }) => {
      return [attachment, ...Object.keys(set)].map((name) => [target.table, name] as const);
    }),
  ];
}
