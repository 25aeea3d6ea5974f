import type { FieldSchema, TableSchema } from "../stores/airtable/metadata.ts";
import { JSON_TYPE } from "./json-columns.ts";

/** The fields of a job to find, by their keys in the configuration. */
export const FIELD_KEYS = [
  "status",
  "type",
  "externalId",
  "requestPayload",
  "responsePayload",
  "webhookUrl",
  "error",
  "notes",
  "startedAt",
] as const;
export type FieldKey = (typeof FIELD_KEYS)[number];

/** The names of the fields; null where the table has none that fits. */
export type FieldNames = Readonly<Record<FieldKey, string | null>>;

/** No field at all. */
export const NO_FIELDS: FieldNames = {
  status: null,
  externalId: null,
  type: null,
  requestPayload: null,
  responsePayload: null,
  webhookUrl: null,
  error: null,
  notes: null,
  startedAt: null,
};

/** Values of the status field; null where none of them looks like it, empty for those of stuck jobs. */
export interface Statuses {
  readonly stuck: readonly string[];
  readonly completed: string | null;
  readonly failed: string | null;
}

/** A table that may hold the jobs. */
export interface JobsTable {
  readonly table: TableSchema;
  readonly fields: FieldNames;
  readonly statuses: Statuses;
  /** How well it fits; higher is better. */
  readonly score: number;
}

const AT_WORK =
  /^\W*(processing|in[ _-]?progress|in[ _-]?production|running|working|doing|started|submitted|rendering|generating|encoding|transcoding|transcribing)\W*$/i;
const COMPLETED =
  /^\W*(completed?|done|finished|succeeded|success(ful)?|ready|rendered|generated|transcribed|delivered)\W*$/i;
const FAILED = /^\W*(failed|failure|error(ed)?|broken|\w+[ _-](failed|error))\W*$/i;

const SHORT = [
  ...["singleLineText", "multilineText", "formula", "rollup", "multipleLookupValues"],
  ...["externalSyncSource", "number", "barcode", "aiText"],
];
const DATES = ["dateTime", "date"];
const LONG = ["multilineText", "richText"];
const SELECT = ["singleSelect"];
const PAYLOADS = [...LONG, JSON_TYPE];

/** How a field is recognised: its types, and its names, most likely first. */
const FIELD_MATCHERS: Readonly<
  Record<Exclude<FieldKey, "status">, { types: readonly string[]; names: readonly RegExp[] }>
> = {
  type: { types: [...SELECT, "singleLineText"], names: [/^type$/i, /\btype$/i, /^(kind|operation|task)\b/i] },
  externalId: {
    types: SHORT,
    names: [
      /^external.*\bid$/i,
      /external/i,
      /\b(task|worker|provider|request|remote|render|prediction|run)\b.*\bid$/i,
      /\b(job|asset|transcript)[ _-]?id$/i,
    ],
  },
  requestPayload: {
    types: PAYLOADS,
    names: [/request.*payload/i, /\b(request|input|params|parameters)\b/i, /^payload$/i],
  },
  responsePayload: { types: PAYLOADS, names: [/response.*payload/i, /\bresponse\b/i, /\b(result|output)s?\b/i] },
  webhookUrl: { types: ["url", "singleLineText", "multilineText"], names: [/webhook/i, /callback/i] },
  error: { types: LONG, names: [/error.*details?/i, /error/i, /^err([_ -]?(msg|message|text))?$/i, /failure|reason/i] },
  notes: { types: LONG, names: [/^notes?$/i, /\b(notes?|log|comments?|history)\b/i] },
  startedAt: { types: DATES, names: [/^(started|submitted|dispatched|sent|render(ing)? started)\b/i] },
};

/** Returns the tables that may hold the jobs, most likely first. */
export function jobsTables(tables: readonly TableSchema[]): readonly JobsTable[] {
  return tables
    .flatMap((table) => {
      const found = asJobsTable(table, tables);
      return found === null ? [] : [found];
    })
    .toSorted((a, b) => b.score - a.score);
}

/** Reads a table as one of jobs; null where no field could be the status. */
export function asJobsTable(table: TableSchema, tables: readonly TableSchema[]): JobsTable | null {
  const status = statusOf(table);
  if (status === null) return null;
  const others = table.fields.filter(({ id }) => id !== status.id);
  const fields = { status: status.name, ...lookedUp(others) };
  const links = table.fields.filter(({ type, linkedTableId }) => {
    return (
      type === "multipleRecordLinks" && tables.some(({ id, fields }) => id === linkedTableId && fields.some(holdsFile))
    );
  }).length;
  const matched = Object.values(fields).filter((name) => name !== null).length;
  const works = status.choices?.some((choice) => AT_WORK.test(choice)) ?? false;
  const score = matched + (works ? 4 : 0) + (fields.externalId === null ? 0 : 2) + Math.min(links, 2);
  return { table, fields, statuses: statusesOf(status), score };
}

/** Finds the status field: a select with an option for jobs in progress, else a field of that name. */
function statusOf({ fields }: TableSchema): FieldSchema | null {
  const selects = fields.filter(({ type }) => SELECT.includes(type));
  const working = selects.filter(({ choices }) => choices?.some((choice) => AT_WORK.test(choice)));
  const named = (all: readonly FieldSchema[]) => all.find(({ name }) => /^(status|state)$/i.test(name));
  const ofType = (wanted: string) => named(fields.filter(({ type }) => type === wanted));
  return named(working) ?? working[0] ?? named(selects) ?? ofType("singleLineText") ?? ofType("number") ?? null;
}

/** Guesses the statuses of jobs in progress, completed and failed from the options of the field. */
export function statusesOf({ choices }: Pick<FieldSchema, "choices">): Statuses {
  const option = (form: RegExp) => choices?.find((choice) => form.test(choice));
  return {
    stuck: choices?.filter((choice) => AT_WORK.test(choice)) ?? [],
    completed: option(COMPLETED) ?? null,
    failed: option(FAILED) ?? null,
  };
}

function lookedUp(fields: readonly FieldSchema[]): Omit<Record<FieldKey, string | null>, "status"> {
  const taken = new Set<string>();
  const look = (key: Exclude<FieldKey, "status">): string | null => {
    const { types, names } = FIELD_MATCHERS[key];
    for (const form of names) {
      const found = fields.find(
        ({ id, name, type }) => types.includes(type) && form.test(inWords(name)) && !taken.has(id),
      );
      if (found === undefined) continue;
      taken.add(found.id);
      return found.name;
    }
    return null;
  };
  return {
    externalId: look("externalId"),
    type: look("type"),
    requestPayload: look("requestPayload"),
    responsePayload: look("responsePayload"),
    webhookUrl: look("webhookUrl"),
    error: look("error"),
    notes: look("notes"),
    startedAt: look("startedAt"),
  };
}

/** Returns a name with its words apart: `external_id` and `externalId` as `external id`. */
function inWords(name: string): string {
  return name.replaceAll("_", " ").replace(/([a-z0-9])([A-Z])/g, "$1 $2");
}

function holdsFile({ type }: FieldSchema): boolean {
  return type === "multipleAttachments" || type === "url";
}
