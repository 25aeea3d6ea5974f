import { UpstreamError } from "../../core/ports/errors.ts";
import {
  type Column,
  canMeet,
  canonicalId,
  isText,
  misfitOf,
  readMisfitOf,
  type Table,
} from "../../database/catalogue.ts";
import type { Database } from "../../database/connection.ts";
import { formatTable, quoteIdentifier } from "../../database/identifiers.ts";
import { Parameters } from "../../database/statement.ts";
import { type StoreOptions, type TargetTable, WRITTEN } from "./options.ts";

/** A column that cannot be used as the configuration says. */
export interface Misfit {
  /** The key of the configuration that names it. */
  readonly key: string;
  /** What was found, and what was expected. */
  readonly detail: string;
  /** What to do about it. */
  readonly next: string;
}

/** A value that the configuration gives to a column. */
interface FixedValue {
  readonly key: string;
  readonly value: string;
  readonly at: string;
  readonly column: Column;
}

const DATES = ["timestamptz", "timestamp", "date"];

/** Finds all that is known to go wrong before anything is written. A table or column that is missing is left out. */
export async function findMisfits(
  database: Database,
  options: StoreOptions,
  tables: readonly Table[],
  signal: AbortSignal,
): Promise<readonly Misfit[]> {
  const jobs = tableOf(tables, options.jobs.table);
  const found: Misfit[] = [];
  const values: FixedValue[] = [];
  if (jobs !== undefined) {
    found.push(...misfitsOfJobs(options, jobs));
    values.push(...valuesOfJobs(options, jobs));
  }
  for (const target of options.targets) {
    const table = tableOf(tables, target.table);
    if (table === undefined) continue;
    found.push(...misfitsOfTarget(target, table, jobs));
    values.push(...valuesOfTarget(target, table));
  }
  const misfits = values.flatMap(misfitOfValue);
  const others = values.filter((each) => misfitOfValue(each).length === 0);
  return [...found, ...misfits, ...(await askForValues(database, others, signal))];
}

function tableOf(tables: readonly Table[], name: Table["name"]): Table | undefined {
  return tables.find((table) => formatTable(table.name) === formatTable(name));
}

function misfitsOfJobs({ jobs: { fields } }: StoreOptions, table: Table): readonly Misfit[] {
  const at = (column: Column) => `${formatTable(table.name)}.${column.name}`;
  return Object.entries(fields).flatMap(([field, name]): readonly Misfit[] => {
    const column = name === null ? undefined : table.columns.get(name);
    if (column === undefined) return [];
    const key = `jobs.fields.${field}`;
    const content = WRITTEN.get(field);
    const misfit = content === undefined ? null : misfitOf(column, content);
    if (misfit !== null) return [{ key, detail: `${at(column)} ${misfit}`, next: anotherColumn(key) }];
    switch (field) {
      case "startedAt":
      case "completedAt": {
        if (DATES.includes(column.type)) return [];
        const when = field === "startedAt" ? "a job began" : "a job ended";
        const detail = `${at(column)} is ${column.type}; expected ${DATES.join(", ")}`;
        return [{ key, detail, next: `Name in ${key} the column that says when ${when}.` }];
      }
      case "status": {
        // Its values are compared as texts are, for which such a domain has no operator.
        if (column.labels === null || column.sqlType.endsWith(`.${quoteIdentifier(column.type)}`)) return [];
        const detail = `${at(column)} is a domain over the enumeration ${column.type}; expected the enumeration itself, a text or a number`;
        return [{ key, detail, next: `Give the column the type ${column.type}, or name a view that casts it.` }];
      }
      case "externalId": {
        const detail = readMisfitOf(column, "name");
        return detail === null ? [] : [{ key, detail: `${at(column)} ${detail}`, next: anotherColumn(key) }];
      }
      case "requestPayload": {
        const detail = readMisfitOf(column, "json");
        return detail === null ? [] : [{ key, detail: `${at(column)} ${detail}`, next: anotherColumn(key) }];
      }
      default:
        return [];
    }
  });
}

function misfitsOfTarget(target: TargetTable, table: Table, jobs: Table | undefined): readonly Misfit[] {
  const name = formatTable(table.name);
  const written = target.written.flatMap(({ field, content }): readonly Misfit[] => {
    const column = table.columns.get(target.fields.get(field)?.column ?? field);
    const misfit = column === undefined ? null : misfitOf(column, content);
    if (column === undefined || misfit === null) return [];
    return [{ key: field, detail: `${name}.${column.name} ${misfit}`, next: anotherColumn(field) }];
  });
  const key = table.columns.get(target.key);
  const pairs = target.from.flatMap((link): readonly Misfit[] => {
    const from = jobs?.columns.get(link);
    if (jobs === undefined || from === undefined || key === undefined || canMeet(from, key)) return [];
    const [ours, theirs] = [`${formatTable(jobs.name)}.${from.name}`, `${name}.${key.name}`];
    const detail = `${ours} is ${from.type}, and ${theirs} is ${key.type}; expected two columns with the same values`;
    const next = `Name in target.from the column that holds keys of ${name}, or in target.key the one that ${ours} refers to.`;
    return [{ key: "target.from", detail, next }];
  });
  return [...written, ...pairs];
}

function anotherColumn(key: string): string {
  return `Name another column for ${key} in the configuration.`;
}

function valuesOfJobs({ jobs }: StoreOptions, table: Table): readonly FixedValue[] {
  const { fields, stuckStatuses, completedStatus, failedStatus } = jobs;
  const column = table.columns.get(fields.status);
  if (column === undefined) return [];
  const at = `${formatTable(table.name)}.${column.name}`;
  return [
    ...stuckStatuses.map((value) => ({ key: "jobs.stuckStatuses", value, at, column })),
    { key: "jobs.completedStatus", value: completedStatus, at, column },
    { key: "jobs.failedStatus", value: failedStatus, at, column },
  ];
}

/** A place inside a jsonb holds any value. */
function valuesOfTarget({ fields, values }: TargetTable, table: Table): readonly FixedValue[] {
  return values.flatMap(({ field, value }) => {
    const { column: name, path } = fields.get(field) ?? { column: field, path: [] };
    const column = table.columns.get(name);
    if (column === undefined || path.length > 0) return [];
    return [{ key: `set.${field}`, value, at: `${formatTable(table.name)}.${column.name}`, column }];
  });
}

function misfitOfValue({ key, value, at, column }: FixedValue): readonly Misfit[] {
  if (holds(column, value)) return [];
  const detail = `${key}: found "${value}", which ${at} cannot hold`;
  return [
    { key, detail, next: column.labels === null ? `It is ${column.type}.` : `It has: ${column.labels.join(", ")}.` },
  ];
}

function holds(column: Column, value: string): boolean {
  if (column.labels !== null) return column.labels.includes(value);
  if (column.type === "bool") return value === "true" || value === "false";
  return canonicalId(value, column) !== null && (column.maxLength === null || value.length <= column.maxLength);
}

/** Asks the server whether its types take the values: all in one statement, and each where it refuses that. */
async function askForValues(
  database: Database,
  values: readonly FixedValue[],
  signal: AbortSignal,
): Promise<readonly Misfit[]> {
  if (values.length === 0) return [];
  const answer = await holdingOf(database, values, signal);
  if (answer.kind === "held") return values.flatMap((value, n) => misfitOfForm(value, answer.texts[n]));
  const misfits: Misfit[] = [];
  for (const each of values) {
    const alone = await holdingOf(database, [each], signal);
    if (alone.kind === "held") {
      misfits.push(...misfitOfForm(each, alone.texts[0]));
      continue;
    }
    const detail = `${each.key}: found "${each.value}", which ${each.at} cannot hold`;
    misfits.push({ key: each.key, detail, next: alone.words });
  }
  return misfits;
}

/** A status is compared as a text, so that it has to be named as the column holds it. */
function misfitOfForm({ key, value, at }: FixedValue, text: string | undefined): readonly Misfit[] {
  if (!key.startsWith("jobs.") || text === undefined || text === value) return [];
  return [{ key, detail: `${key}: found "${value}", which ${at} holds as "${text}"`, next: `Write "${text}".` }];
}

/** How a column holds values, or the server's own words where it refuses one of them. */
type Holding =
  | { readonly kind: "held"; readonly texts: readonly string[] }
  | { readonly kind: "refused"; readonly words: string };

async function holdingOf(database: Database, values: readonly FixedValue[], signal: AbortSignal): Promise<Holding> {
  const parameters = new Parameters();
  // A cast to a limited text would cut it off; how many characters fit was checked before.
  const casts = values.map(({ value, column }) => {
    return `${parameters.add(value)}::text::${isText(column) ? column.sqlType : column.declaredType}::text`;
  });
  try {
    const text = `SELECT ${casts.map((cast, n) => `${cast} AS v${n}`).join(", ")}`;
    const [row = {}] = await database.read(text, parameters.values, signal);
    return { kind: "held", texts: values.map((_, n) => String(row[`v${n}`])) };
  } catch (error) {
    if (error instanceof UpstreamError && error.code === "config")
      return { kind: "refused", words: `${error.message}.` };
    throw error;
  }
}
