import { Document, isMap, isNode, isScalar, isSeq, type YAMLMap } from "yaml";
import type { Key } from "../config/docs/reference.ts";
import { nca } from "../config/presets/nca.ts";
import { findProviderPreset } from "../config/presets/providers.ts";
import type { FieldNames } from "./jobs-table.ts";
import type { OperationConfig } from "./operations.ts";
import { type DatabasePlan, postgresContent } from "./postgres-config.ts";

/** The content of the file. */
export interface Plan {
  readonly preset: string;
  readonly baseId: string;
  readonly table: string;
  readonly fields: FieldNames;
  readonly statuses: { readonly stuck: readonly string[]; readonly completed: string; readonly failed: string };
  /** Null where only a provider knows the outputs. */
  readonly storageUrl: string | null;
  /** Operations of the preset as this base has them. */
  readonly known: ReadonlyMap<string, OperationConfig>;
  /** Operations of the preset that this base has no place for. */
  readonly removed: readonly string[];
  readonly operations: ReadonlyMap<string, OperationConfig>;
  /** Null for a base. */
  readonly database: DatabasePlan | null;
}

/** The comments at the top of the file. */
export interface Header {
  /** The location of the JSON Schema, for editors; null where it was not found. */
  readonly schema: string | null;
  readonly lines: readonly string[];
}

/** Keeps long lines whole, and lists without padding. */
const STYLE = { lineWidth: 0, flowCollectionPadding: false };

/** Renders the configuration file as YAML, with only what differs from the preset. */
export function renderShort(plan: Plan, header: Header): string {
  const document = new Document(shortContent(plan));
  const root = mapOf(document);
  const isSingle = plan.operations.size === 1;
  for (const { key, value } of root.items) {
    if (!isMap(value) || !isScalar(key)) continue;
    if (key.value === "operations") {
      for (const { value: operation } of value.items) {
        if (isMap(operation)) compact(operation, isSingle ? 1 : 0);
      }
    } else compact(value, key.value === "jobs" ? 1 : 0);
  }
  return `${commentOf(header)}${document.toString(STYLE)}`;
}

/** Renders all keys of the plan, each with its description. */
export function renderFull(plan: Plan, header: Header, reference: readonly Key[]): string {
  const document = new Document(plan.database === null ? fullContent(plan) : postgresContent(plan, plan.database));
  const root = mapOf(document);
  annotate(root, "", new Map(reference.map(({ path, description }) => [path, description])));
  compactLists(root);
  return `${commentOf(header)}\n${document.toString(STYLE)}`;
}

function mapOf({ contents }: Document): YAMLMap {
  if (!isMap(contents)) throw new Error("the configuration is no map");
  return contents;
}

function commentOf({ schema, lines }: Header): string {
  const editors = schema === null ? [] : [`yaml-language-server: $schema=${schema}`];
  return [...editors, ...lines].map((line) => `# ${line}\n`).join("");
}

function shortContent(plan: Plan) {
  return plan.database === null ? shortBaseContent(plan) : postgresContent(plan, plan.database);
}

function shortBaseContent({ preset, baseId, table, fields, statuses, storageUrl, removed, operations }: Plan) {
  const isNca = preset === "nca";
  const under = isNca ? nca.jobs : null;
  const known = new Map<string, unknown>(Object.entries(under?.fields ?? {}));
  const named = Object.entries(fields).filter(([key, name]) => (known.get(key) ?? null) !== name);
  const jobs = {
    ...(table === under?.table ? {} : { table }),
    ...(named.length === 0 ? {} : { fields: Object.fromEntries(named) }),
    ...(isSame(statuses.stuck, under?.stuckStatuses) ? {} : { stuckStatuses: statuses.stuck }),
    ...(statuses.completed === under?.completedStatus ? {} : { completedStatus: statuses.completed }),
    ...(statuses.failed === under?.failedStatus ? {} : { failedStatus: statuses.failed }),
  };
  const all = { ...Object.fromEntries(operations), ...nullsOf(isNca ? removed : []) };
  return {
    preset,
    airtable: { baseId },
    ...(Object.keys(jobs).length === 0 ? {} : { jobs }),
    ...(storageUrl === null ? {} : { storage: { baseUrl: storageUrl } }),
    ...(Object.keys(all).length === 0 ? {} : { operations: all }),
  };
}

function isSame(one: readonly string[], other: readonly string[] | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function nullsOf(names: readonly string[]) {
  return Object.fromEntries(names.map((name) => [name, null] as const));
}

function fullContent({ preset, baseId, table, fields, statuses, storageUrl, known, removed, operations }: Plan) {
  return {
    preset,
    airtable: { baseId },
    jobs: {
      table,
      fields,
      stuckStatuses: statuses.stuck,
      completedStatus: statuses.completed,
      failedStatus: statuses.failed,
    },
    thresholds: { stuckAfter: "5m", failAfter: "1h", maxAge: "24h", ...findProviderPreset(preset)?.thresholds },
    ...(storageUrl === null ? {} : { storage: { baseUrl: storageUrl } }),
    operations: {
      ...Object.fromEntries(known),
      ...Object.fromEntries(operations),
      ...nullsOf(preset === "nca" ? removed : []),
    },
  };
}

/** Puts maps and lists from a level on into one line. */
function compact(map: YAMLMap, level: number): void {
  if (level === 0) map.flow = true;
  for (const { value } of map.items) {
    if (isSeq(value)) value.flow = true;
    else if (isMap(value)) compact(value, Math.max(0, level - 1));
  }
}

/** Comments the first of the operations only: the others have the same keys. */
function annotate(map: YAMLMap, path: string, meanings: ReadonlyMap<string, string>): void {
  for (const [index, { key, value }] of map.items.entries()) {
    if (!isScalar(key)) continue;
    const name = String(key.value);
    const isOperation = path === "operations";
    const at = isOperation ? "operations.<name>" : path === "" ? name : `${path}.${name}`;
    const meaning = isOperation ? undefined : meanings.get(at);
    if (path === "" && index > 0) key.spaceBefore = true;
    if (isMap(value) && value.items.length > 0 && name !== "set") {
      if (meaning !== undefined && path === "") value.commentBefore = ` ${meaning}`;
      annotate(value, at, isOperation && index > 0 ? new Map() : meanings);
    } else if (isScalar(value) && value.value === null && isOperation) value.comment = ` ${UNFIT}`;
    else if (meaning !== undefined && isNode(value)) value.comment = ` ${meaning}`;
  }
}

const UNFIT = "of the preset, and not for this base";

/** Puts lists, and what an operation sets, on one line. */
function compactLists(map: YAMLMap): void {
  for (const { key, value } of map.items) {
    if (isSeq(value)) value.flow = true;
    if (isMap(value) && (value.items.length === 0 || (isScalar(key) && key.value === "set"))) value.flow = true;
    else if (isMap(value)) compactLists(value);
  }
}
