import { isRecordId, type Job } from "../../core/domain/job.ts";
import { groupBy } from "../../core/domain/lists.ts";
import type { Operation } from "../../core/domain/operation.ts";
import { resolveOperation } from "../../core/domain/resolve-operation.ts";
import { UpstreamError } from "../../core/ports/errors.ts";
import type { ApiRecord, JobFields } from "./api-records.ts";
import type { FieldNameResolver } from "./field-names.ts";
import { hasText, or } from "./formula.ts";
import { firstRecords, type ListRecords } from "./list-records.ts";
import type { TableSchema } from "./metadata.ts";

/** How many names are asked for in one request. */
const MAX_NAMES = 50;

/** More records than any name should have. */
const MAX_FOUND = 500;

/** Finds the targets that jobs name by a text or a lookup instead of a link. */
export interface LinkNames {
  /**
   * Returns the jobs with the ids of the records that their link fields name. Sends no request where all are links or
   * ids. A name that several records have gives all their ids, and one that none has gives none.
   */
  resolve(
    jobs: readonly { readonly job: Job; readonly record: ApiRecord }[],
    fields: JobFields,
    signal: AbortSignal,
  ): Promise<readonly Job[]>;
}

interface NamedTarget {
  readonly job: Job;
  readonly link: string;
  readonly target: Operation["target"];
  readonly names: readonly string[];
}

export function createLinkNames(
  list: ListRecords,
  fieldNames: FieldNameResolver,
  readTables: (signal: AbortSignal) => Promise<readonly TableSchema[]>,
  operations: readonly Operation[],
): LinkNames {
  async function keyOf({ table, key }: Operation["target"], link: string, signal: AbortSignal): Promise<string> {
    if (key !== undefined) return (await fieldNames.resolve(signal))(table, key);
    const primary = await primaryField(table, link, readTables, signal);
    if (primary !== null) return primary;
    throw new UpstreamError("config", `The base has no table "${table}", whose records "${link}" names`);
  }

  /** Returns the ids of the records of a table by their names. */
  async function findIds(table: string, key: string, names: readonly string[], signal: AbortSignal) {
    const found: { readonly id: string; readonly name: string }[] = [];
    for (let start = 0; start < names.length; start += MAX_NAMES) {
      const filterByFormula = or(...names.slice(start, start + MAX_NAMES).map((name) => hasText(key, name)));
      const { records } = await firstRecords(list({ table, fields: [key], filterByFormula }, signal), MAX_FOUND);
      found.push(...records.map(({ id, fields }) => ({ id, name: String(fields[key] ?? "").trim() })));
    }
    return groupBy(found, ({ name }) => name);
  }

  return {
    async resolve(jobs, fields, signal) {
      const named = jobs.flatMap(({ job, record }) => namedTargets(job, record, fields, operations));
      const found = new Map<NamedTarget, readonly string[]>();
      for (const { target, link } of named) {
        const own = named.filter((each) => each.target.table === target.table && each.target.key === target.key);
        if (own.some((each) => found.has(each))) continue;
        const key = await keyOf(target, link, signal);
        const ids = await findIds(target.table, key, [...new Set(own.flatMap(({ names }) => names))], signal);
        for (const each of own) {
          const theirs = each.names.flatMap((name) => (ids.get(name) ?? []).map(({ id }) => id));
          found.set(each, theirs);
        }
      }
      return jobs.map(({ job }) => {
        const links = named.flatMap((each) => (each.job === job ? [[each.link, found.get(each) ?? []] as const] : []));
        return links.length === 0 ? job : { ...job, links: { ...job.links, ...Object.fromEntries(links) } };
      });
    },
  };
}

function namedTargets(
  job: Job,
  record: ApiRecord,
  { links }: JobFields,
  operations: readonly Operation[],
): readonly NamedTarget[] {
  const lookup = resolveOperation(job, operations);
  if (lookup.kind === "unknown") return [];
  const { target } = lookup.operation;
  return target.links.flatMap((link) => {
    const cell = record.fields[links.get(link) ?? ""];
    const texts = Array.isArray(cell) ? cell : [cell];
    const names = texts.flatMap((each: unknown) =>
      typeof each === "string" && each.trim() !== "" ? [each.trim()] : [],
    );
    return names.length === 0 || names.some(isRecordId) ? [] : [{ job, link, target, names }];
  });
}

async function primaryField(
  table: string,
  link: string,
  readTables: (signal: AbortSignal) => Promise<readonly TableSchema[]>,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const found = (await readTables(signal)).find(({ id, name }) => id === table || name === table);
    return found?.fields.find(({ id }) => id === found.primaryFieldId)?.name ?? null;
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.code !== "auth") throw error;
    throw new UpstreamError(
      "config",
      `Field "${link}" names records of "${table}" by text, and the token may not read which field that is`,
      "Set the operation's target.key to that field, or give the token the scope schema.bases:read.",
      { cause: error },
    );
  }
}
