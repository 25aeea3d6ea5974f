import type { Job, StartTime } from "../../core/domain/job.ts";
import { parsePayload } from "../../core/domain/payload.ts";
import type { Row } from "../../database/connection.ts";
import type { Cell } from "./layout.ts";
import type { StoreOptions } from "./options.ts";

/** Returns the job in a row as `select-jobs` asks for it. */
export function parseJob(row: Row, { jobs: { fields }, links, furtherFields }: StoreOptions): Job {
  const since = parseSince(row.since, row.has_time === true);
  return {
    id: textOf(row.id),
    status: textOf(row.status),
    type: orNull(textOf(row.type)),
    externalId: orNull(textOf(row.external_id)),
    applicationId: orNull(textOf(row.own_id).trim()),
    since,
    startedAt: since,
    payload: parsePayload(textOf(row.request_payload)),
    webhookUrl: orNull(textOf(row.webhook_url)),
    links: Object.fromEntries(
      links.map((name, n) => {
        const id = textOf(row[`link_${n}`]);
        return [name, id === "" ? [] : [id]];
      }),
    ),
    fields: Object.fromEntries(furtherFields.map((name, n) => [name, textOf(row[`further_${n}`])])),
    notes: textOf(row.notes),
    responsePayload: textOf(row.response_payload),
    error: fields.error === null ? null : textOf(row.error),
    version: typeof row.version === "string" ? row.version : undefined,
  };
}

/** A moment that the server gave in milliseconds; null where there is none. */
export function parseInstant(value: unknown): number | null {
  return typeof value === "string" ? Number(value) : null;
}

/** The end of a day where it ends last, 12 hours behind UTC: in which zone a date was written is not known. */
const LONGEST_DAY_MS = 36 * 3_600_000;

function parseSince(value: unknown, hasTime: boolean): StartTime {
  const at = parseInstant(value);
  if (at === null) return { kind: "missing" };
  return hasTime ? { kind: "at", at } : { kind: "at", at, latest: at + LONGEST_DAY_MS };
}

/** The value of a target's cell out of the text of it; undefined where it is blank. */
export function parseCell(text: unknown, { column, path }: Cell): string | number | boolean | undefined {
  if (typeof text !== "string" || text === "") return undefined;
  if (path.length > 0) return text;
  switch (column.type) {
    case "bool":
      return text === "true";
    case "int2":
    case "int4":
      return Number(text);
    default:
      return text;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function orNull(text: string): string | null {
  return text.trim() === "" ? null : text;
}
