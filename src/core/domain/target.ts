import { isRecordId, type Job, webhookParameter } from "./job.ts";
import type { Operation } from "./operation.ts";
import { getId, getString } from "./payload.ts";

/** The record and field that receive an output. */
export interface Target {
  readonly table: string;
  readonly id: string;
  readonly field: string;
}

/** Returns a text that is the same for the same field of the same record. */
export function targetKey({ table, id, field }: Target): string {
  return `${table.length} ${id.length} ${table}${id}${field}`;
}

export type TargetLookup =
  | { readonly kind: "named"; readonly id: string }
  /** The operation delivers nothing: the job's status is all that is written. */
  | { readonly kind: "none" }
  | { readonly kind: "missing" }
  | { readonly kind: "ambiguous"; readonly ids: readonly string[] };

/**
 * Returns the target that a job names in its link fields and its payload. Every source that names one has to name the
 * same; the webhook URL's `target_id` does not name one by itself but may contradict.
 */
export function resolveTarget(job: Job, operation: Operation): TargetLookup {
  if (operation.targetKind === "self") return { kind: "named", id: job.id };
  if (operation.targetKind === "none") return { kind: "none" };
  const isId = operation.target.ids === "any" ? isText : isRecordId;
  const linked = operation.target.links.flatMap((field) => job.links[field] ?? []);
  const read = operation.target.ids === "any" ? getId : getString;
  const inPayload = operation.target.payloadKeys.map((key) => read(job.payload, key));
  const ids = [...new Set([...linked, ...inPayload].filter(isId))];
  const [id] = ids;
  if (id === undefined) return { kind: "missing" };
  const inUrl = webhookParameter(job, "target_id");
  const all = isId(inUrl) && !ids.includes(inUrl) ? [...ids, inUrl] : ids;
  return all.length === 1 ? { kind: "named", id } : { kind: "ambiguous", ids: all };
}

function isText(value: string | null): value is string {
  return value !== null && value.trim() !== "";
}
