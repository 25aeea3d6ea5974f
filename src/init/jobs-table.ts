import type { FieldSchema, TableSchema } from "../stores/airtable/metadata.ts";

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
] as const;
export type FieldKey = (typeof FIELD_KEYS)[number];

/** The names of the fields; null where the table has none that fits. */
export type FieldNames = Readonly<Record<FieldKey, string | null>>;

/** The options of the status field, or the usual values where it is a text. */
export interface Statuses {
  readonly stuck: readonly string[];
  readonly completed: string;
  readonly failed: string;
}

/** A table that may hold the jobs. */
export interface JobsTable {
  readonly table: TableSchema;
  readonly fields: FieldNames;
  readonly statuses: Statuses;
  /** How well it fits; higher is better. */
  readonly score: number;
}

const AT_WORK = /^(processing|in[ _-]?progress|running|working)$/i;
const COMPLETED = /^(completed?|done|finished|succeeded|success)$/i;
const FAILED = /^(failed|failure|error(ed)?)$/i;

const SHORT = ["singleLineText", "multilineText", "formula"];
const LONG = ["multilineText", "richText"];
const SELECT = ["singleSelect"];

/** How a field is recognised: its types, and its names, most likely first. */
const FIELD_MATCHERS: Readonly<
  Record<Exclude<FieldKey, "status">, { types: readonly string[]; names: readonly RegExp[] }>
> = {
  type: { types: [...SELECT, "singleLineText"], names: [/^type$/i, /\btype$/i, /^(kind|operation|task)\b/i] },
  externalId: {
    types: SHORT,
    names: [/^external.*\bid$/i, /external/i, /\b(task|worker|provider|request|remote)\b.*\bid$/i, /\bjob[ _-]?id$/i],
  },
  requestPayload: { types: LONG, names: [/request.*payload/i, /\b(request|input|params|parameters)\b/i, /^payload$/i] },
  responsePayload: { types: LONG, names: [/response.*payload/i, /\bresponse\b/i, /\b(result|output)s?\b/i] },
  webhookUrl: { types: ["url", "singleLineText", "multilineText"], names: [/webhook/i, /callback/i] },
  error: { types: LONG, names: [/error.*details?/i, /error/i, /failure|reason/i] },
  notes: { types: LONG, names: [/^notes?$/i, /\b(notes?|log|comments?|history)\b/i] },
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
  const links = targetLinks(table, tables).length;
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
  const texts = fields.filter(({ type }) => type === "singleLineText");
  return named(working) ?? working[0] ?? named(selects) ?? named(texts) ?? null;
}

/** Guesses the statuses of jobs in progress, completed and failed from the options of the field. */
export function statusesOf({ choices }: FieldSchema): Statuses {
  const option = (form: RegExp) => choices?.find((choice) => form.test(choice));
  const working = choices?.filter((choice) => AT_WORK.test(choice)) ?? [];
  return {
    stuck: working.length === 0 ? ["processing"] : working,
    completed: option(COMPLETED) ?? "completed",
    failed: option(FAILED) ?? "failed",
  };
}

function lookedUp(fields: readonly FieldSchema[]): Omit<Record<FieldKey, string | null>, "status"> {
  const taken = new Set<string>();
  const look = (key: Exclude<FieldKey, "status">): string | null => {
    const { types, names } = FIELD_MATCHERS[key];
    for (const form of names) {
      const found = fields.find(({ id, name, type }) => types.includes(type) && form.test(name) && !taken.has(id));
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
  };
}

/** A link field of the jobs to a table with attachment fields. */
export interface TargetLink {
  readonly field: string;
  readonly table: TableSchema;
  /** The attachment fields of that table. */
  readonly attachments: readonly string[];
}

/** Returns the links of a table to tables with attachment fields. */
export function targetLinks(table: TableSchema, tables: readonly TableSchema[]): readonly TargetLink[] {
  return table.fields.flatMap(({ name, type, linkedTableId }) => {
    const linked = type === "multipleRecordLinks" ? tables.find(({ id }) => id === linkedTableId) : undefined;
    const attachments = linked?.fields
      .filter((field) => field.type === "multipleAttachments")
      .map((field) => field.name);
    if (linked === undefined || attachments === undefined || attachments.length === 0) return [];
    return [{ field: name, table: linked, attachments }];
  });
}
