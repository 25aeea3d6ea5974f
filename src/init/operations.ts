import { nca } from "../config/presets/nca.ts";
import type { TableSchema } from "../stores/airtable/metadata.ts";
import { type JobsTable, type TargetLink, targetLinks } from "./jobs-table.ts";
import type { Usage } from "./sample-usage.ts";

/** An operation in the form of the configuration file. */
export interface OperationConfig {
  readonly types: readonly string[];
  readonly outputs: readonly string[];
  readonly target: {
    readonly table: string;
    readonly links: readonly string[];
    readonly payloadKeys: readonly string[];
  };
  readonly attachment: string;
  readonly set?: Readonly<Record<string, string>>;
}

/** An operation that the base does not describe completely: `unknown` says what is missing, by key. */
export interface IncompleteOperation {
  readonly name: string;
  readonly jobs: number;
  readonly config: OperationConfig;
  readonly unknown: Readonly<Record<string, string>>;
}

/** The operations that are proposed for a base. */
export interface Proposal {
  /** Operations of the preset `nca` whose tables and fields the base has. */
  readonly known: ReadonlyMap<string, OperationConfig>;
  /** Operations of the preset whose tables or fields the base lacks. */
  readonly notApplicable: readonly string[];
  readonly incomplete: readonly IncompleteOperation[];
}

/** Proposes the preset's operations whose tables and fields the base has, and one for each other kind of work in use. */
export function proposeOperations(jobs: JobsTable, tables: readonly TableSchema[], usages: readonly Usage[]): Proposal {
  const known = new Map<string, OperationConfig>();
  const notApplicable: string[] = [];
  for (const [name, operation] of Object.entries(nca.operations)) {
    const adapted = adaptToBase(operation, jobs, tables);
    if (adapted === null) notApplicable.push(name);
    else known.set(name, adapted);
  }
  const types = new Set([...known.values()].flatMap((operation) => operation.types));
  const others = usages.filter(({ name, isType }) => !known.has(name) && !(isType && types.has(name)));
  return { known, notApplicable, incomplete: others.map((usage) => proposeIncomplete(usage, jobs, tables)) };
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

/** Proposes an operation that a person has to complete. */
function proposeIncomplete(usage: Usage, jobs: JobsTable, tables: readonly TableSchema[]): IncompleteOperation {
  const links = targetLinks(jobs.table, tables);
  const link = linkFor(usage, links);
  const unknown: Record<string, string> = {};
  if (usage.outputs.length === 0) unknown.outputs = "the names of the worker's files";
  if (link === null) {
    unknown["target.table"] = "the table whose record receives the file";
    unknown.attachment = "an attachment field of that table";
  } else if (link.attachments.length > 1) unknown.attachment = `one of ${link.attachments.join(", ")}`;
  return {
    name: usage.name,
    jobs: usage.jobs,
    config: {
      types: usage.isType ? [usage.name] : [],
      outputs: usage.outputs.length === 0 ? ["{externalId}.mp4"] : usage.outputs.slice(0, 2),
      target: {
        table: link?.table.name ?? "Table",
        links: link === null ? [] : [link.field],
        payloadKeys: usage.payloadKeys.slice(0, 2),
      },
      attachment: link?.attachments[0] ?? "Attachments",
    },
    unknown,
  };
}

/** Finds the link that such jobs fill, or the one whose table a key of the payload names: `segment_id`, "Segments". */
function linkFor({ links: used, payloadKeys }: Usage, links: readonly TargetLink[]): TargetLink | null {
  const filled = used.map((field) => links.find((link) => link.field === field)).find((link) => link !== undefined);
  if (filled !== undefined) return filled;
  const stems = payloadKeys.map((key) => key.replace(/_?id$/i, "").toLowerCase()).filter((stem) => stem.length > 2);
  return links.find(({ table }) => stems.some((stem) => table.name.toLowerCase().startsWith(stem))) ?? null;
}
