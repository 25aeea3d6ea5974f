import { Document, isMap, isNode, isScalar, isSeq, type YAMLMap } from "yaml";
import type { Key } from "../config/docs/reference.ts";
import { pluralize } from "../core/domain/plural.ts";
import type { FieldNames, Statuses } from "./jobs-table.ts";
import type { IncompleteOperation, Proposal } from "./operations.ts";

/** The content of the file. */
export interface Plan {
  readonly preset: "nca" | "none";
  readonly baseId: string;
  readonly table: string;
  readonly fields: FieldNames;
  readonly statuses: Statuses;
  readonly storageUrl: string;
  readonly proposal: Proposal;
}

/** The comments at the top of the file. */
export interface Header {
  /** The location of the JSON Schema, for editors; null where it was not found. */
  readonly schema: string | null;
  readonly lines: readonly string[];
}

/** Keeps long lines whole, and lists without padding. */
const STYLE = { lineWidth: 0, flowCollectionPadding: false };

/** Renders the configuration file as YAML. The comments are the descriptions of the keys. */
export function renderFile(plan: Plan, header: Header, reference: readonly Key[]): string {
  const document = new Document(contentOf(plan));
  const root = document.contents;
  if (!isMap(root)) throw new Error("the configuration is no map");
  const meanings = new Map(reference.map(({ path, description }) => [path, description]));
  annotate(root, "", meanings);
  compact(root);
  const schema = header.schema === null ? [] : [` yaml-language-server: $schema=${header.schema}`];
  document.commentBefore = [...schema, ...header.lines.map((line) => ` ${line}`)].join("\n");
  return `${document.toString(STYLE).trimEnd()}\n${renderIncomplete(plan.proposal)}`;
}

function contentOf({ preset, baseId, table, fields, statuses, storageUrl, proposal }: Plan) {
  const operations = [...proposal.known].map(([name, operation]) => [name, operation] as const);
  const without = preset === "nca" ? proposal.notApplicable.map((name) => [name, null] as const) : [];
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
    thresholds: { stuckAfter: "5m", failAfter: "1h", maxAge: "24h" },
    storage: { baseUrl: storageUrl },
    operations: Object.fromEntries([...operations, ...without]),
  };
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
function compact(map: YAMLMap): void {
  for (const { key, value } of map.items) {
    if (isSeq(value)) value.flow = true;
    if (isMap(value) && (value.items.length === 0 || (isScalar(key) && key.value === "set"))) value.flow = true;
    else if (isMap(value)) compact(value);
  }
}

/**
 * Renders operations that a person has to complete, as comments: nothing is guessed, and what is missing is marked.
 */
function renderIncomplete({ incomplete }: Proposal): string {
  return incomplete.map((operation) => `\n${renderTodo(operation)}`).join("");
}

function renderTodo({ name, jobs, config, unknown }: IncompleteOperation): string {
  const document = new Document({ [name]: config });
  if (isMap(document.contents)) compact(document.contents);
  for (const [key, what] of Object.entries(unknown)) {
    const value = document.getIn([name, ...key.split(".")], true);
    if (isScalar(value) || isSeq(value)) value.comment = ` TODO: ${what}`;
  }
  const marked = Object.keys(unknown).length === 0 ? "see whether this is right" : "fill in what is marked";
  const head = `TODO ${name} (${pluralize(jobs, "job")} seen): ${marked}, then take out the comment signs.`;
  const lines = [head, ...document.toString(STYLE).trimEnd().split("\n")];
  return lines.map((line) => `  # ${line}\n`).join("");
}
