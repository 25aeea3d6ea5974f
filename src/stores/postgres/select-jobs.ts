import { quoteIdentifier, quoteTable } from "../../database/identifiers.ts";
import { Parameters, type Statement } from "../../database/statement.ts";
import { jobVersion } from "./job-version.ts";
import { namedColumns, type StoreOptions } from "./options.ts";

/** How many rows one statement of a listing answers. */
export const PAGE_ROWS = 1000;

/** The last row of a page, from which the next one goes on; `at` is null among the rows without a date. */
export interface Cursor {
  readonly at: string | null;
  readonly id: string | null;
}

/** Which jobs a page is to hold. Times are milliseconds from the server's now, so that its clock counts. */
export type JobFilter =
  | /** Of one of the statuses, and older than `olderThan`; or dated more than `ahead` in the future, or not at all. */ {
      readonly kind: "stuck";
      readonly statuses: readonly string[];
      readonly olderThan: number;
      readonly ahead: number;
      /** Begun no longer ago than this; null: at any time. */
      readonly within: number | null;
      readonly named: readonly string[] | null;
    }
  /** Of a status, begun no longer ago than `within`, with one of the texts in its notes. */
  | { readonly kind: "noted"; readonly status: string; readonly notes: readonly string[]; readonly within: number }
  /** Of any status, begun after a moment. */
  | { readonly kind: "since"; readonly after: number };

/**
 * Returns the statement of one page, oldest first, jobs without a date last. It answers one row at least, so that the
 * server's clock comes with an empty page too: its `id` is null then.
 */
export function pageStatement(options: StoreOptions, filter: JobFilter, after: Cursor | null): Statement {
  const { table, id: key, fields } = options.jobs;
  const parameters = new Parameters();
  const id = column(key);
  const started = column(fields.startedAt);
  const conditions = [
    ...filterConditions(options, filter, parameters),
    ...cursorCondition(after, started, id, parameters),
  ];
  const extent = filter.kind === "since" ? "all" : "listed";
  // The inner SELECT takes the page, and the outer one computes what is made of it: else the server would do that for
  // each row that it sorts.
  const text = `
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::text AS clock, page.*
FROM (VALUES (1)) AS one LEFT JOIN LATERAL (
  SELECT ${jobColumns(options, extent)}, ${started}::text AS cursor
  FROM (
    SELECT ${namedColumns(options).map(column).join(", ")}
    FROM ${quoteTable(table)} AS j
    WHERE ${conditions.join("\n      AND ")}
    ORDER BY ${started} NULLS LAST, ${id}
    LIMIT ${PAGE_ROWS}
  ) AS j
) AS page ON true`;
  return { text, values: parameters.values };
}

function filterConditions({ jobs: { id, fields } }: StoreOptions, filter: JobFilter, parameters: Parameters) {
  const started = column(fields.startedAt);
  const status = column(fields.status);
  const ago = (ms: number) => `now() - ${parameters.add(ms)} * interval '1 millisecond'`;
  switch (filter.kind) {
    case "stuck": {
      const { statuses, olderThan, ahead, within, named } = filter;
      const old = `${started} < ${ago(olderThan)}`;
      const conditions = [
        among(status, statuses, parameters),
        `(${old} OR ${started} > now() + ${parameters.add(ahead)} * interval '1 millisecond' OR ${started} IS NULL)`,
        ...(within === null ? [] : [`${started} > ${ago(within)}`]),
      ];
      if (named === null) return conditions;
      const ids = parameters.add(named);
      return [...conditions, `(${column(id)}::text = ANY(${ids}) OR ${column(fields.externalId)}::text = ANY(${ids}))`];
    }
    case "noted": {
      const { notes, status: wanted, within } = filter;
      const texts = `unnest(${parameters.add(notes)}::text[])`;
      return [
        `${status} = ${parameters.add(wanted)}`,
        `${started} > ${ago(within)}`,
        `EXISTS (SELECT FROM ${texts} AS mark WHERE position(mark IN ${column(fields.notes ?? "")}::text) > 0)`,
      ];
    }
    case "since":
      return [`${started} > ${moment(filter.after, parameters)}`];
  }
}

/** One status is compared as one: then an index on status and date gives the rows in the order that is wanted. */
function among(status: string, statuses: readonly string[], parameters: Parameters): string {
  const [first] = statuses;
  return statuses.length === 1
    ? `${status} = ${parameters.add(first)}`
    : `${status} = ANY(${parameters.add(statuses)})`;
}

function cursorCondition(after: Cursor | null, started: string, id: string, parameters: Parameters): readonly string[] {
  if (after === null) return [];
  if (after.at !== null) {
    return [`(${started}, ${id}) > (${parameters.add(after.at)}, ${parameters.add(after.id)})`];
  }
  return [`${started} IS NULL`, ...(after.id === null ? [] : [`${id} > ${parameters.add(after.id)}`])];
}

/** Returns the statement that reads jobs by one of their columns, whose type is named for the list of values. */
export function jobsByStatement(
  options: StoreOptions,
  { name, sqlType }: { readonly name: string; readonly sqlType: string },
  wanted: readonly string[],
): Statement {
  const text = `SELECT ${jobColumns(options, "all")} FROM ${quoteTable(options.jobs.table)} AS j
WHERE ${column(name)} = ANY($1::${sqlType}[])`;
  return { text, values: [wanted] };
}

/** Returns the statement that reads the newest completed jobs with an external id, `most` at most. */
export function completedStatement(options: StoreOptions, after: number | null, most: number): Statement {
  const { table, fields, completedStatus, id } = options.jobs;
  const parameters = new Parameters();
  const started = column(fields.startedAt);
  const conditions = [
    `${column(fields.status)} = ${parameters.add(completedStatus)}`,
    `${column(fields.externalId)}::text <> ''`,
    ...(after === null ? [] : [`${started} > ${moment(after, parameters)}`]),
  ];
  const text = `SELECT ${jobColumns(options, "all")} FROM ${quoteTable(table)} AS j
WHERE ${conditions.join(" AND ")} ORDER BY ${started} DESC NULLS LAST, ${column(id)} LIMIT ${most}`;
  return { text, values: parameters.values };
}

/**
 * Every value as the server writes it as text: so none loses digits, and jobs are compared as what they are. A date
 * that is infinite is none. `listed` leaves out what no verdict rests on, and adds the version.
 */
function jobColumns(options: StoreOptions, extent: "listed" | "all"): string {
  const { jobs, links, furtherFields } = options;
  const { id, fields } = jobs;
  const started = column(fields.startedAt);
  const text = (name: string | null, as: string) => (name === null ? [] : [`${column(name)}::text AS ${as}`]);
  const instant = (name: string, as: string) =>
    `CASE WHEN isfinite(${name}) THEN floor(extract(epoch FROM ${name}) * 1000)::bigint::text END AS ${as}`;
  return [
    `${column(id)}::text AS id`,
    ...text(fields.status, "status"),
    ...text(fields.externalId, "external_id"),
    instant(started, "since"),
    // The type of a difference, which is not computed: of two dates it is an integer, also where they are of a domain.
    `pg_typeof(CASE WHEN false THEN ${started} - ${started} END) <> 'integer'::regtype AS has_time`,
    ...text(fields.ownId, "own_id"),
    ...text(fields.type, "type"),
    ...text(fields.requestPayload, "request_payload"),
    ...text(fields.webhookUrl, "webhook_url"),
    ...text(fields.error, "error"),
    ...text(fields.notes, "notes"),
    ...links.map((name, n) => `${column(name)}::text AS link_${n}`),
    ...furtherFields.map((name, n) => `${column(name)}::text AS further_${n}`),
    ...(extent === "listed"
      ? [`${jobVersion(options, "j")} AS version`]
      : text(fields.responsePayload, "response_payload")),
    ...(extent === "listed" || fields.completedAt === null ? [] : [instant(column(fields.completedAt), "completed")]),
  ].join(", ");
}

function column(name: string): string {
  return `j.${quoteIdentifier(name)}`;
}

function moment(at: number, parameters: Parameters): string {
  return `to_timestamp(${parameters.add(at)}::double precision / 1000)`;
}
