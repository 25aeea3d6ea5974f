import type { Instant } from "../core/domain/job.ts";
import type { TableSchema } from "../stores/airtable/metadata.ts";
import { parseText } from "../stores/airtable/parse-records.ts";
import type { FieldNames, JobsTable } from "./jobs-table.ts";
import { jsonColumns } from "./json-columns.ts";
import { learnExternalId, toJob } from "./learn-fields.ts";
import type { SampledJob } from "./learn-operations.ts";
import { filesIn } from "./named-files.ts";
import { findRoutes, type Route, targetsOf } from "./routes.ts";
import type { InitSource, SampleRecord } from "./source.ts";

const MONTH = 30 * 86_400_000;

/** Reads the latest records of a table: one request, or two where the last month has none. */
export async function readRecent(
  source: InitSource,
  table: string,
  now: Instant,
  signal: AbortSignal,
): Promise<readonly SampleRecord[]> {
  const recent = await source.sample(table, { kind: "created-after", after: now - MONTH }, signal);
  return recent.length > 0 ? recent : await source.sample(table, { kind: "any" }, signal);
}

/** With fewer finished jobs than this in the sample further ones are read: from those the rest is learned. */
const ENOUGH = 20;

/** Adds finished and stuck jobs to a sample that has few of them. */
export async function withEachState(
  records: readonly SampleRecord[],
  { table, fields, statuses }: JobsTable,
  source: InitSource,
  signal: AbortSignal,
): Promise<readonly SampleRecord[]> {
  const { status } = fields;
  if (status === null) return records;
  const found = new Map(records.map((record) => [record.id, record]));
  const add = async (values: readonly string[], least: number) => {
    const there = [...found.values()].filter((record) => values.includes(statusOf(record, status)));
    if (values.length === 0 || there.length >= least) return;
    const more = await source.sample(table.name, { kind: "with-values", field: status, values }, signal);
    for (const record of more) found.set(record.id, record);
  };
  await add(statuses.completed === null ? [] : [statuses.completed], ENOUGH);
  await add(statuses.stuck, 1);
  return [...found.values()];
}

/** Of how many jobs of each state the targets are read, and on how many routes: one request for each route. */
const [MAX_TARGETS, MAX_ROUTES] = [20, 6];

/** A sample of jobs, with the records that they lead to. */
export interface Sample {
  readonly fields: FieldNames;
  readonly jobs: readonly SampledJob[];
  readonly routes: readonly Route[];
  readonly source: InitSource["kind"];
}

/** Follows the jobs of a sample to their targets, and finds the field of the external id by the files' names. */
export async function followJobs(
  records: readonly SampleRecord[],
  jobs: JobsTable,
  tables: readonly TableSchema[],
  target: TableSchema | null,
  source: InitSource,
  signal: AbortSignal,
): Promise<Sample> {
  const plain = records.map((record) => ({ record, job: toJob(record, jobs.fields), state: stateOf(record, jobs) }));
  const ids = source.kind === "database" ? "any" : "record";
  const possible = findRoutes(jobs, tables, plain, target, ids).slice(0, MAX_ROUTES);
  const targets = new Map<Route, ReadonlyMap<string, SampleRecord>>();
  for (const route of possible) {
    const of = (state: SampledJob["state"]) => plain.filter((each) => each.state === state).slice(0, MAX_TARGETS);
    const named = [...new Set([...of("finished"), ...of("running")].flatMap((each) => targetsOf(route, each)))];
    targets.set(route, await readTargets(route, named, source, signal));
  }
  // A text that names no record is no way to one.
  const isProven = ({ kind }: Route) => kind === "link" || (kind === "payload" && ids === "record");
  const routes = possible.filter((route) => isProven(route) || (targets.get(route)?.size ?? 0) > 0);
  const followed = plain.map((each): SampledJob => {
    const own = routes.map((route) => {
      const records = targets.get(route);
      return [route, targetsOf(route, each).flatMap((id) => records?.get(id) ?? [])] as const;
    });
    const files = own.flatMap(([{ name, table }, records]) =>
      records.flatMap(({ fields }) => filesIn(fields, name, jsonColumns(table))),
    );
    const ownFiles = filesIn(each.record.fields, null, jsonColumns(jobs.table));
    return { ...each, files: [...ownFiles, ...files], targets: new Map(own) };
  });
  const learned = learnExternalId(
    jobs,
    followed.filter(({ state }) => state === "finished"),
  );
  const fields = { ...jobs.fields, externalId: learned ?? jobs.fields.externalId };
  return {
    fields,
    routes,
    source: source.kind,
    jobs: followed.map((each) => ({ ...each, job: toJob(each.record, fields) })),
  };
}

/** Reads the records that are named on a route, by their ids or names. */
async function readTargets(
  { table, nameField }: Route,
  named: readonly string[],
  source: InitSource,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, SampleRecord>> {
  if (named.length === 0) return new Map();
  if (nameField === null) {
    const found = await source.sample(table.name, { kind: "by-id", ids: named }, signal);
    return new Map(found.map((record) => [record.id, record]));
  }
  const found = await source.sample(table.name, { kind: "with-values", field: nameField, values: named }, signal);
  return new Map(found.map((record) => [parseText(record.fields[nameField]), record]));
}

function stateOf(record: SampleRecord, { fields, statuses }: JobsTable): SampledJob["state"] {
  const status = fields.status === null ? "" : statusOf(record, fields.status);
  if (statuses.stuck.includes(status)) return "running";
  return status !== "" && status === statuses.completed ? "finished" : "other";
}

function statusOf({ fields }: SampleRecord, field: string): string {
  const value = fields[field];
  return typeof value === "string" ? value : "";
}
