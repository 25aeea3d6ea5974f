import { fileNameOf, type Output } from "./evidence.ts";
import type { Job, Operation } from "./job.ts";
import type { Attachment, CellValue, TargetRecord } from "./ports.ts";
import { operationOf, targetOf } from "./target.ts";
import type { Candidate, Policy } from "./verdict.ts";

/** What a job that was just read again allows. */
export type JobCheck =
  /** It is as it was when the verdict was given; its target is known for certain now. */
  | { readonly kind: "as-judged"; readonly job: Job; readonly targetId: string | null }
  /** This very run has changed it already: an answer was lost, the write was not. */
  | { readonly kind: "done" }
  | { readonly kind: "changed"; readonly detail: string };

/**
 * Compares a job that was just read with the verdict on it. No write may rest on an older read: a webhook, a person or
 * another run may have been there since.
 */
export function checkJob(
  fresh: Job | undefined,
  judged: { readonly externalId: string | null; readonly candidate: Candidate },
  done: { readonly status: string; readonly runId: string },
  policy: Policy,
): JobCheck {
  if (fresh === undefined) return { kind: "changed", detail: "the job is gone" };
  const ours = fresh.notes.includes(done.runId) || fresh.responsePayload.includes(done.runId);
  if (fresh.status === done.status && ours) return { kind: "done" };
  if (!policy.stuckStatuses.includes(fresh.status)) {
    return { kind: "changed", detail: `its status is ${JSON.stringify(fresh.status)} now` };
  }
  if (fresh.externalId !== judged.externalId) return { kind: "changed", detail: "its external id was changed" };
  const { operation, targetId } = judged.candidate;
  const lookup = operationOf(fresh, policy.operations);
  if (lookup.kind === "unknown" || lookup.operation.name !== operation.name) {
    return { kind: "changed", detail: "its operation was changed" };
  }
  const target = targetOf(fresh, operation);
  const id = target.kind === "named" ? target.id : null;
  if (target.kind === "ambiguous") return { kind: "changed", detail: `its target is ${target.ids.join(" or ")}` };
  if (targetId !== null && id !== targetId) return { kind: "changed", detail: "its target was changed" };
  return { kind: "as-judged", job: fresh, targetId: id };
}

/** What a target that was just read allows. */
export type TargetCheck =
  | { readonly kind: "write"; readonly value: CellValue }
  /** As `write`, and what is there is lost: it must not be a newer job's. */
  | { readonly kind: "replace"; readonly value: CellValue; readonly files: readonly string[] }
  /** The file is there already: the webhook, or an earlier run, came that far. */
  | { readonly kind: "holds" }
  | { readonly kind: "occupied"; readonly detail: string }
  | { readonly kind: "gone" };

/**
 * Whether the output may be put into the target's field. Airtable replaces an attachment's URL with its own, so this
 * very file is known by its name and size.
 */
export function checkTarget(record: TargetRecord | undefined, operation: Operation, output: Output): TargetCheck {
  if (record === undefined) return { kind: "gone" };
  const present = record.attachments[operation.attachment] ?? [];
  const name = fileNameOf(output.url);
  const isThis = (file: Attachment) => file.filename === name && (file.size === null || file.size === output.bytes);
  if (present.some(isThis)) return { kind: "holds" };
  const others = present.filter((file) => file.filename !== name);
  const [other] = others;
  // Of this name but another size: an earlier fetch that broke off, or a file rendered anew. It gives way to the output.
  if (other === undefined) return { kind: "write", value: [{ url: output.url }] };
  switch (operation.onExisting) {
    case "skip":
      return { kind: "occupied", detail: `${operation.attachment} already holds ${other.filename}` };
    case "replace":
      return { kind: "replace", value: [{ url: output.url }], files: others.map(({ filename }) => filename) };
    case "append": {
      const kept = others.flatMap((file) => (file.id === null ? [] : [{ id: file.id }]));
      if (kept.length < others.length) {
        return { kind: "occupied", detail: `${other.filename} has no id yet and could not be kept` };
      }
      return { kind: "write", value: [...kept, { url: output.url }] };
    }
  }
}
