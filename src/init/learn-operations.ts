import type { Job } from "../core/domain/job.ts";
import { groupBy } from "../core/domain/lists.ts";
import { getString } from "../core/domain/payload.ts";
import { resolveOperation } from "../core/domain/resolve-operation.ts";
import type { JobsTable } from "./jobs-table.ts";
import {
  chooseDelivery,
  type DeliveryOption,
  deliveryOptions,
  isSamePlace,
  type RecordsByRoute,
} from "./learn-delivery.ts";
import { isNamedBy } from "./learn-fields.ts";
import { type FinishedJob, type LearnedOutputs, learnOutputs } from "./learn-outputs.ts";
import { type LearnedValues, learnValues } from "./learn-values.ts";
import type { NamedFile } from "./named-files.ts";
import { type Route, targetsOf } from "./routes.ts";
import type { SampleRecord } from "./source.ts";

/** A job of the sample, with the records that it leads to. */
export interface SampledJob {
  readonly record: SampleRecord;
  readonly job: Job;
  readonly state: "running" | "finished" | "other";
  /** Those that the record and its targets name. */
  readonly files: readonly NamedFile[];
  readonly targets: ReadonlyMap<Route, readonly SampleRecord[]>;
}

/** What some jobs have in common: all of one kind of work. */
export interface LearnedOperation {
  /** The operation that the jobs name, else their type; null where nothing names one. */
  readonly name: string | null;
  /** The values of the type that stand for it; null where the jobs name the operation itself. */
  readonly types: readonly string[] | null;
  readonly jobs: number;
  /** Null where no finished job names a file by its id. */
  readonly outputs: LearnedOutputs | null;
  readonly delivery: DeliveryOption | "none" | null;
  /** What the delivery was chosen from. */
  readonly options: readonly DeliveryOption[];
  /** Keys of the payload that name the same record as the link of the delivery. */
  readonly payloadKeys: readonly string[];
  /** What the record of the delivery holds beside the output once its job has ended. */
  readonly set: LearnedValues;
}

/** The prefix of the outputs of a kind of work, where it is given. */
export type GivenPrefix = (kind: string | null) => string | null;

/**
 * Learns an operation for each kind of work; kinds that are alike in everything but their type are one.
 *
 * @param isLone whether all jobs are of one operation
 * @param isDatabase whether the handler of the webhook alone sets what a job's end sets
 */
export function learnOperations(
  table: JobsTable,
  sample: readonly SampledJob[],
  routes: readonly Route[],
  isLone: boolean,
  givenPrefix: GivenPrefix,
  isDatabase: boolean,
): readonly LearnedOperation[] {
  const groups = groupBy(sample, ({ job }) => {
    const kind = isLone ? null : kindOf(job);
    return kind === null ? "" : `${kind.isType ? "type" : "named"}:${kind.name}`;
  });
  const learned = [...groups.values()].map((jobs) => {
    const [first] = jobs;
    const kind = isLone || first === undefined ? null : kindOf(first.job);
    return learnOperation(table, jobs, routes, kind, givenPrefix, isDatabase);
  });
  return mergeAlike(learned).toSorted((a, b) => b.jobs - a.jobs);
}

interface Kind {
  readonly name: string;
  readonly isType: boolean;
}

/** No operation is configured yet, so each is unknown, and known only by its name or else its type. */
function kindOf(job: Job): Kind | null {
  const lookup = resolveOperation(job, []);
  const name = lookup.kind === "unknown" ? lookup.named : null;
  return name === null ? null : { name, isType: name === job.type && getString(job.payload, "operation") === null };
}

function learnOperation(
  { table, fields }: JobsTable,
  jobs: readonly SampledJob[],
  routes: readonly Route[],
  kind: Kind | null,
  givenPrefix: GivenPrefix,
  isDatabase: boolean,
): LearnedOperation {
  const finished = jobs.filter(({ state }) => state === "finished");
  const files = finished.flatMap(toNamedJob);
  const records = { running: byRoute(jobs.filter(({ state }) => state === "running")), finished: byRoute(finished) };
  const options = deliveryOptions(table, routes, files, records);
  const delivery = chooseDelivery(options);
  const dates = table.fields.filter(({ type }) => ["date", "dateTime"].includes(type)).map(({ name }) => name);
  const dateFields = fields.startedAt === null ? dates : [fields.startedAt];
  const running = jobs.filter(({ state }) => state === "running").flatMap(toNamedJob);
  const isInput = (file: NamedFile) =>
    isIn(file, options) || isFromRequest(file, fields) || isFilledBefore(file, running);
  const outputs = files.map((job) => ({ ...job, files: job.files.filter((file) => !isInput(file)) }));
  return {
    name: kind?.name ?? null,
    types: kind === null || kind.isType ? (kind === null ? [] : [kind.name]) : null,
    jobs: jobs.length,
    outputs: learnOutputs(outputs, givenPrefix(kind?.name ?? null), dateFields),
    delivery,
    options,
    payloadKeys: delivery === null || delivery === "none" ? [] : agreeingKeys(delivery.route, routes, jobs),
    set: delivery === null || delivery === "none" || !isDatabase ? {} : learnValues(table, fields, delivery, records),
  };
}

/** Whether a file is in a field that was seen to be no place for outputs. */
function isIn(file: NamedFile, options: readonly DeliveryOption[]): boolean {
  return options.some(({ isOther, route, field, path }) => {
    return isOther && isSamePlace(file, { field, path, via: route?.name ?? null });
  });
}

function isFromRequest({ field, via }: NamedFile, { requestPayload, webhookUrl }: JobsTable["fields"]): boolean {
  return via === null && (field === requestPayload || field === webhookUrl);
}

/** Whether a field names files by the ids of jobs that are still running: those went in, and did not come out. */
function isFilledBefore(place: NamedFile, running: readonly FinishedJob[]): boolean {
  const filled = running.filter(({ externalId, files }) =>
    files.some((file) => isSamePlace(file, place) && isNamedBy(file, externalId)),
  );
  return filled.length * 2 > running.length;
}

function toNamedJob({ record, job, files }: SampledJob): readonly FinishedJob[] {
  const { externalId } = job;
  return externalId === null ? [] : [{ ...record, externalId, files }];
}

function byRoute(jobs: readonly SampledJob[]): RecordsByRoute {
  const groups = groupBy(
    jobs.flatMap(({ targets }) => [...targets]),
    ([route]) => route,
  );
  const targets = [...groups].map(([route, own]) => [route, own.flatMap(([, records]) => records)] as const);
  return new Map<Route | null, readonly SampleRecord[]>([[null, jobs.map(({ record }) => record)], ...targets]);
}

/** Returns the keys of payloads that name the record of a link wherever a job has both. */
function agreeingKeys(route: Route | null, routes: readonly Route[], jobs: readonly SampledJob[]): readonly string[] {
  if (route === null) return [];
  return routes.flatMap((other) => {
    if (other.kind !== "payload" || other.table.id !== route.table.id) return [];
    if (other === route) return [other.name];
    const both = jobs.map((job) => [targetsOf(other, job), targetsOf(route, job)] as const);
    const compared = both.filter(([named, linked]) => named.length > 0 && linked.length > 0);
    return compared.length > 0 && compared.every(([[id = ""], linked]) => linked.includes(id)) ? [other.name] : [];
  });
}

/** Joins kinds of work that differ by their type alone. */
function mergeAlike(learned: readonly LearnedOperation[]): readonly LearnedOperation[] {
  const merged = new Map<string, LearnedOperation>();
  for (const [n, each] of learned.entries()) {
    const { types, outputs, delivery } = each;
    const isWhole = types !== null && outputs !== null && delivery !== null;
    const key = isWhole ? signatureOf(each) : String(n);
    const before = merged.get(key);
    if (before === undefined) merged.set(key, each);
    else {
      merged.set(key, {
        ...before,
        types: [...(before.types ?? []), ...(types ?? [])],
        jobs: before.jobs + each.jobs,
        payloadKeys: before.payloadKeys.filter((name) => each.payloadKeys.includes(name)),
      });
    }
  }
  return [...merged.values()];
}

function signatureOf({ outputs, delivery, set }: LearnedOperation): string {
  const place =
    delivery === null || delivery === "none" ? delivery : [delivery.route?.name, delivery.field, delivery.path];
  return JSON.stringify([outputs?.prefix, outputs?.patterns, outputs?.startedAt, place, set]);
}
