import { isRecordId } from "../../core/domain/job.ts";
import type { Operation } from "../../core/domain/operation.ts";
import { furtherFields } from "../../core/domain/recorded-output.ts";
import { TableRefused, TokenRefused, UpstreamError } from "../../core/ports/errors.ts";
import type { CellValue, JobHistory, JobQuery, JobStore, JobUpdate } from "../../core/ports/ports.ts";
import { type ApiRecord, fieldNames, type JobFields } from "./api-records.ts";
import { createFieldNames } from "./field-names.ts";
import { and, byIds, field, hasText, listing, or, quote, timestamp } from "./formula.ts";
import { createLinkNames } from "./link-names.ts";
import { createListing, firstRecords, type ListRecords } from "./list-records.ts";
import { createMetadata } from "./metadata.ts";
import { explainRefusal } from "./misfit.ts";
import { isReadable, parseInstant, parseJob, parseTarget } from "./parse-records.ts";
import { ReadRefused, type Requests } from "./requests.ts";
import { createTables } from "./tables.ts";
import { createWriting } from "./write-records.ts";

/** The configuration of the base: tables and fields by name or id, fields that are left out null. */
export interface StoreOptions {
  readonly baseId: string;
  readonly jobs: {
    readonly table: string;
    readonly fields: Omit<JobFields, "links" | "furtherFields"> & {
      /** When a job was completed. Only `JobHistory` reads it. */
      readonly completedAt: string | null;
    };
    readonly completedStatus: string;
  };
  readonly operations: readonly Operation[];
}

/** How many completed jobs are read in search of the newest. */
const MAX_COMPLETED = 500;

/** How many records are asked for by id, or by external id, at most. */
const MAX_READ = 100;

/** Creates the store of the jobs and targets of one base. */
export function createStore(requests: Requests, { baseId, jobs, operations }: StoreOptions): JobStore & JobHistory {
  const openTable = createTables();
  const list = createListing(requests, openTable);
  const write = createWriting(requests, openTable);
  const { tables: readTables } = createMetadata(requests, baseId);
  const names = createFieldNames(configuredFields(jobs, operations), readTables);
  const linkNames = createLinkNames(list, names, readTables, operations);

  /** Returns the base's names of the jobs' fields; `links` are those that are read. */
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
      furtherFields: new Map(furtherFields(operations).map((name) => [name, nameOf(jobs.table, name)])),
    };
  }

  /** Returns the jobs of records, with the ids of targets that they name by text. */
  async function parseJobs(records: readonly ApiRecord[], fields: JobFields, signal: AbortSignal) {
    const parsed = records.map((record) => ({ job: parseJob(record, fields), record }));
    return await linkNames.resolve(parsed, fields, signal);
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
        for await (const { records } of list(parameters, signal)) {
          for (const record of records) requireTextStatus(record, fields.status, jobs.table);
          yield await parseJobs(records, fields, signal);
        }
      } catch (error) {
        const refusal = asConfigError(error, jobs.table);
        const isRefusal = error instanceof ReadRefused || (error instanceof UpstreamError && error.code === "auth");
        if (!isRefusal || !(refusal instanceof UpstreamError)) throw refusal;
        throw await explainRefusal(refusal, jobs, readTables, signal);
      }
    },

    async readJobs(ids, signal) {
      const fields = await jobFields(signal, allLinks(operations));
      const records = await readByIds(list, jobs.table, ids, undefined, signal);
      const found = await parseJobs(records, fields, signal);
      return new Map(found.map((job) => [job.id, job]));
    },

    async findJobs(externalIds, signal) {
      const fields = await jobFields(signal, []);
      const filterByFormula = or(...externalIds.map((id) => hasText(fields.externalId, id)));
      const parameters = { table: jobs.table, fields: fieldNames(fields), filterByFormula };
      const { records } = await firstRecords(list(parameters, signal), MAX_READ);
      return records.map((record) => parseJob(record, fields));
    },

    async readTargets(table, ids, { attachments, cells }, signal) {
      const nameOf = await names.resolve(signal);
      const named = (fields: readonly string[]) => new Map(fields.map((name) => [name, nameOf(table, name)]));
      const fields = { attachments: named(attachments), cells: named(cells) };
      const wanted = [...new Set([...fields.attachments.values(), ...fields.cells.values()])];
      try {
        const records = await readByIds(list, table, ids, wanted, signal);
        return new Map(records.filter(isReadable).map((record) => [record.id, parseTarget(record, fields)]));
      } catch (error) {
        throw asTableRefused(error, table);
      }
    },

    async updateTargets(table, updates, limit) {
      try {
        const nameOf = await names.resolve(limit.signal);
        return await write(table, updates, limit, (field) => nameOf(table, field));
      } catch (error) {
        throw asTableRefused(error, table);
      }
    },

    updateJobs: (updates, limit) =>
      write(
        jobs.table,
        updates.map((update) => ({ id: update.id, fields: cellsOf(update, jobs.fields) })),
        limit,
      ),

    async listCompleted(after, signal) {
      const fields = await jobFields(signal, []);
      const conditions = [
        `${field(fields.status)}=${quote(jobs.completedStatus)}`,
        `${field(fields.externalId)}!=''`,
        ...(after === null ? [] : [`IS_AFTER(CREATED_TIME(),${timestamp(after)})`]),
      ];
      const parameters = { table: jobs.table, fields: fieldNames(fields), filterByFormula: and(...conditions) };
      const { records, complete } = await firstRecords(list(parameters, signal), MAX_COMPLETED);
      return { jobs: records.map((record) => parseJob(record, fields)), complete };
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
        for await (const { records, last } of list(parameters, signal)) {
          const jobs = records.map((record) => ({
            job: parseJob(record, fields),
            completedAt: finished === null ? null : parseInstant(record.fields[finished]),
          }));
          yield { jobs, last };
        }
      } catch (error) {
        throw asConfigError(error, jobs.table);
      }
    },

    kind: "airtable",
    requests: requests.sent,
    clockSkewMs: requests.skew,
  };
}

/**
 * Throws a configuration error for a status that is a list, as a multiple select's and a lookup's is. Such a field
 * cannot be written as a text, so no job of the base could be completed or failed.
 */
function requireTextStatus({ fields }: ApiRecord, status: string, table: string): void {
  const cell = fields[status];
  if (!Array.isArray(cell) || !cell.every((each) => typeof each === "string")) return;
  throw new UpstreamError(
    "config",
    `Field "${status}" of table "${table}" holds a list; expected a single select or a text`,
    "Let jobs.fields.status name the field that the application writes, of the type single select or single line text.",
  );
}

/** Reads at most 50 records by their ids. Where the base lacks a field all are read: the write will name what is wrong. */
async function readByIds(
  list: ListRecords,
  table: string,
  ids: readonly string[],
  fields: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<readonly ApiRecord[]> {
  const known = ids.filter(isRecordId);
  if (known.length === 0) return [];
  const parameters = { table, filterByFormula: byIds(known) };
  const read = async (only: { readonly fields?: readonly string[] }) =>
    (await firstRecords(list({ ...parameters, ...only }, signal), MAX_READ)).records;
  try {
    return await read(fields === undefined ? {} : { fields });
  } catch (error) {
    const fieldIsMissing = error instanceof ReadRefused && error.type === "UNKNOWN_FIELD_NAME" && fields !== undefined;
    if (!fieldIsMissing) throw asConfigError(error, table);
    return await read({});
  }
}

/** A table of targets that the base refuses, or does not have, concerns the jobs of that table alone. */
function asTableRefused(error: unknown, table: string): unknown {
  if (!(error instanceof UpstreamError) || error instanceof TokenRefused) return error;
  return error.code === "unavailable" ? error : new TableRefused(table, error);
}

/** A request that Airtable understood and refused is an error of the configuration, by which it was built. */
function asConfigError(error: unknown, table: string): unknown {
  if (!(error instanceof ReadRefused)) return error;
  return new UpstreamError(
    "config",
    `${error.message}, for table "${table}"`,
    "The configuration names a field that the base does not have. Check jobs.fields, the first of each operation's target.links, the fields that operations deliver to, and {field.…} in outputs, or run stuck-jobs init.",
    { cause: error },
  );
}

function listingFormula(fields: JobFields, { statuses, before, future, after, named, revisit }: JobQuery) {
  return {
    status: fields.status,
    externalId: fields.externalId,
    notes: fields.notes,
    startedAt: fields.startedAt,
    statuses,
    before,
    future,
    after: after ?? null,
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

/** The listing reads these only: a base may lack the others, and Airtable refuses unknown names. */
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
  const ofJobs = [
    ...Object.values(fields).filter((name) => name !== null),
    ...allLinks(operations),
    ...furtherFields(operations),
  ];
  return [
    ...ofJobs.map((name) => [table, name] as const),
    ...operations.flatMap(({ target, attachment, set }) => {
      const keys = target.key === undefined ? [] : [target.key];
      return [attachment, ...Object.keys(set), ...keys].map((name) => [target.table, name] as const);
    }),
  ];
}
