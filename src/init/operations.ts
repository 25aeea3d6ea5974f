import { nca } from "../config/presets/nca.ts";
import type { TableSchema } from "../stores/airtable/metadata.ts";
import type { JobsTable } from "./jobs-table.ts";
import type { DeliveryOption } from "./learn-delivery.ts";
import type { LearnedOperation } from "./learn-operations.ts";

/** An operation in the form of the configuration file. */
export interface OperationConfig {
  readonly types?: readonly string[];
  /** Absent where only the provider knows the outputs. */
  readonly outputs?: readonly string[];
  readonly storage?: { readonly baseUrl: string };
  readonly target:
    | "self"
    | "none"
    | { readonly table: string; readonly links?: readonly string[]; readonly payloadKeys?: readonly string[] };
  readonly attachment?: string;
  readonly deliver?: { readonly field: string; readonly path?: readonly string[]; readonly as: "url" };
  readonly set?: Readonly<Record<string, string | number | boolean>>;
}

/** The operations of the preset that a base has a place for, and those that it has none for. */
export interface PresetOperations {
  readonly known: ReadonlyMap<string, OperationConfig>;
  readonly removed: readonly string[];
}

/** Returns the operations of the preset `nca` whose tables and fields the base has. */
export function fitPreset(jobs: JobsTable, tables: readonly TableSchema[]): PresetOperations {
  const known = new Map<string, OperationConfig>();
  const removed: string[] = [];
  for (const [name, operation] of Object.entries(nca.operations)) {
    const adapted = adaptToBase(operation, jobs, tables);
    if (adapted === null) removed.push(name);
    else known.set(name, adapted);
  }
  return { known, removed };
}

/** Returns the operation without links and types that the base lacks; null where it lacks more than that. */
function adaptToBase(
  operation: PresetOperation,
  jobs: JobsTable,
  tables: readonly TableSchema[],
): OperationConfig | null {
  const { types, outputs, target, attachment } = operation;
  const table = tables.find(({ name }) => name === target.table);
  const links = target.links.filter((link) =>
    jobs.table.fields.some(({ name, linkedTableId }) => name === link && linkedTableId === table?.id),
  );
  const field = table?.fields.find(({ name }) => name === attachment);
  const set = Object.entries("set" in operation ? operation.set : {});
  const settable = set.every(([name, option]) =>
    table?.fields.some((each) => each.name === name && (each.choices === null || each.choices.includes(option))),
  );
  if (links.length === 0 || field?.type !== "multipleAttachments" || !settable) return null;
  const choices = jobs.table.fields.find(({ name }) => name === jobs.fields.type)?.choices ?? null;
  return {
    types: types.filter((type) => choices === null || choices.includes(type)),
    outputs,
    target: { table: target.table, links, payloadKeys: target.payloadKeys },
    attachment,
    ...(set.length === 0 ? {} : { set: Object.fromEntries(set) }),
  };
}

type PresetOperation = (typeof nca.operations)[keyof typeof nca.operations];

/** What an operation is written from, once nothing is missing. */
export interface WholeOperation {
  readonly learned: LearnedOperation;
  readonly patterns: readonly string[];
  readonly delivery: DeliveryOption | "none";
  /** A storage of its own; null for the general one. */
  readonly storageUrl: string | null;
}

/**
 * Returns the operation as the file has it.
 *
 * @param isLone whether all jobs are of it, so that it needs no types
 */
export function toConfig(
  { learned, patterns, delivery, storageUrl }: WholeOperation,
  isLone: boolean,
): OperationConfig {
  const types = learned.types ?? [];
  return {
    ...(isLone ? {} : { types: types.length === 0 && learned.name === null ? ["*"] : types }),
    ...(patterns.length === 0 ? {} : { outputs: patterns }),
    ...(storageUrl === null ? {} : { storage: { baseUrl: storageUrl } }),
    ...deliveryConfig(delivery, learned.payloadKeys),
    ...(delivery === "none" || delivery !== learned.delivery || Object.keys(learned.set).length === 0
      ? {}
      : { set: learned.set }),
  };
}

function deliveryConfig(
  delivery: DeliveryOption | "none",
  payloadKeys: readonly string[],
): Pick<OperationConfig, "target" | "attachment" | "deliver"> {
  if (delivery === "none") return { target: "none" };
  const { route, field, path, as } = delivery;
  const place =
    as === "attachment" ? { attachment: field } : { deliver: { field, ...(path.length === 0 ? {} : { path }), as } };
  if (route === null) return { target: "self", ...place };
  const links = route.kind === "payload" ? {} : { links: [route.name] };
  const keys = payloadKeys.length === 0 ? {} : { payloadKeys };
  return { target: { table: route.table.name, ...links, ...keys }, ...place };
}

/** Words that say that a table holds jobs, not which. */
const COMMON = ["task", "tasks", "job", "jobs", "queue", "requests", "request", "runs", "table", "the"];

/** Returns a name for the operation of jobs that name none: after their table, `render` for "Render Tasks". */
export function nameAfterTable(table: string): string {
  const words = table.toLowerCase().split(/[^\p{L}\p{N}]+/u);
  const kept = words.filter((word) => word !== "" && !COMMON.includes(word));
  const [last = "job"] = kept.slice(-1);
  return [...kept.slice(0, -1), last.length > 3 ? last.replace(/(?<!s)s$/, "") : last].join("-");
}

/** Returns a name for the operation of a type, in the form of the preset's. */
export function nameAfterType(type: string): string {
  return type.trim().replace(/\s+/g, "-").toLowerCase();
}
