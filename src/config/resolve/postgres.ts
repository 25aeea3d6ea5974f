import type { Content } from "../../database/catalogue.ts";
import { type DatabaseAddress, parseDatabaseUrl } from "../../database/database-url.ts";
import { formatTable, parseTableName, type TableName } from "../../database/identifiers.ts";
import { type ConnectionLimits, DEFAULT_LIMITS } from "../../database/limits.ts";
import type { Environment } from "../env/environment.ts";
import type { Problem } from "../problems.ts";
import type { Config } from "../schema/config.ts";

/** A PostgreSQL database, and where jobs and targets are in it. */
export interface PostgresSettings {
  readonly kind: "postgres";
  /** What journal, state files and monitoring call it. */
  readonly baseId: string;
  readonly address: DatabaseAddress;
  readonly limits: ConnectionLimits;
  readonly jobs: { readonly table: TableName; readonly id: string };
  /** Columns of a job that name its target. */
  readonly links: readonly string[];
  /** The tables of targets, by the name that operations call them. */
  readonly targets: readonly PostgresTarget[];
}

/** A table whose rows receive outputs. */
export interface PostgresTarget {
  readonly label: string;
  readonly table: TableName;
  readonly key: string;
  /** The columns of a job that hold the key. */
  readonly from: readonly string[];
  /** Fields that are no column of their name: where they are. */
  readonly fields: ReadonlyMap<string, { readonly column: string; readonly path: readonly string[] }>;
  /** The fields that are written, and with what. */
  readonly written: readonly { readonly field: string; readonly content: Content }[];
  /** The values of `set` that are the same for every job. */
  readonly values: readonly { readonly field: string; readonly value: string }[];
}

/** Returns the field that receives an output as reports and the journal call it: a place in a jsonb by its keys. */
export function fieldLabel(
  deliver: { readonly field: string; readonly path?: readonly string[] | undefined } | undefined,
  attachment: string | undefined,
): string {
  return [deliver?.field ?? attachment ?? "", ...(deliver?.path ?? [])].join(".");
}

/** Returns a table's name as operations, reports and the journal call it. */
export function tableLabel(table: string | readonly string[]): string {
  return formatTable(parseTableName(table));
}

/** Reads the address of the database from the environment; null, with one problem for all that need it, where there is none. */
export function resolveAddress({ databaseUrl }: Environment, problems: Problem[]): DatabaseAddress | null {
  const path = "STUCK_JOBS_DATABASE_URL";
  if (problems.some((problem) => problem.path === path)) return null;
  if (databaseUrl === null) {
    const message =
      "no database; set it, DATABASE_URL or STUCK_JOBS_DATABASE_URL_FILE to the postgres:// URL of the database";
    problems.push({ path, message });
    return null;
  }
  const parsed = parseDatabaseUrl(databaseUrl);
  if (parsed.kind === "address") return parsed.address;
  problems.push({ path, message: parsed.message });
  return null;
}

/** Resolves a configuration over PostgreSQL. */
export function resolvePostgres(config: Config, address: DatabaseAddress): PostgresSettings {
  const table = parseTableName(config.jobs.table);
  const operations = Object.values(config.operations);
  const targets = new Map<string, PostgresTarget>();
  const id = config.jobs.id ?? "id";
  for (const { target, deliver, attachment, set } of operations) {
    if (target === "none") continue;
    const place = target === "self" ? { table: config.jobs.table, key: id, from: undefined } : target;
    const label = tableLabel(place.table);
    const known = targets.get(label);
    const field = fieldLabel(deliver, attachment);
    const written = [...(known?.written ?? []), { field, content: contentOf(deliver) }, ...setFields(set)];
    const fields = new Map(known?.fields ?? []);
    if (deliver?.path !== undefined) fields.set(field, { column: deliver.field, path: deliver.path });
    const values = [...(known?.values ?? []), ...fixedValues(set)];
    const from = [...new Set([...(known?.from ?? []), ...(place.from === undefined ? [] : [place.from])])];
    const named = { label, table: parseTableName(place.table), key: place.key ?? "id", from };
    targets.set(label, { ...named, fields, written, values });
  }
  return {
    kind: "postgres",
    baseId: fileSafe(`${address.database}.${formatTable(table)}`),
    address,
    limits: { ...DEFAULT_LIMITS, ...config.postgres },
    jobs: { table, id },
    links: [...new Set([...targets.values()].flatMap(({ from }) => from))],
    targets: [...targets.values()],
  };
}

function contentOf(deliver: { readonly path?: readonly string[] | undefined } | undefined): Content {
  return deliver?.path === undefined ? "text" : "place";
}

function setFields(set: Readonly<Record<string, string | number | boolean>>): PostgresTarget["written"] {
  return Object.entries(set).map(([field, value]) => ({ field, content: contentOfValue(String(value)) }));
}

/** With the output's URL or the external id in it a value has any form. */
function contentOfValue(value: string): Content {
  if (value === "{bytes}") return "number";
  if (value === "{now}") return "moment";
  return /\{(url|externalId)\}/.test(value) ? "text" : "value";
}

function fixedValues(set: Readonly<Record<string, string | number | boolean>>): PostgresTarget["values"] {
  const all = Object.entries(set).map(([field, value]) => ({ field, value: String(value) }));
  return all.filter(({ value }) => !value.includes("{"));
}

/** The name becomes part of the names of state files. */
function fileSafe(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]/g, "_");
}
