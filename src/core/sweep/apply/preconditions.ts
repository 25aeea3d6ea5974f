import { fileNameOf, type Output } from "../../domain/evidence.ts";
import type { Job, StartTime } from "../../domain/job.ts";
import type { Operation } from "../../domain/operation.ts";
import { isNamedById, outputNames } from "../../domain/output-names.ts";
import { resolveOperation } from "../../domain/resolve-operation.ts";
import { resolveTarget } from "../../domain/target.ts";
import type { Attachment, AttachmentValue, TargetRecord } from "../../ports/ports.ts";
import type { Candidate, Policy } from "../decide/triage.ts";

/** What a job that was just read again allows. */
export type JobCheck =
  /** It is as it was when it was decided; its target is known for certain now. */
  | { readonly kind: "unchanged"; readonly job: Job; readonly targetId: string | null }
  /** This very run has written it: the answer was lost, the write was not. */
  | { readonly kind: "already-written" }
  | { readonly kind: "changed"; readonly detail: string };

/**
 * Compares a job that was just read with the one that was decided. No write may rest on an older read: a webhook, a
 * person or another run may have changed it since.
 */
export function checkJob(
  fresh: Job | undefined,
  decided: { readonly job: Pick<Job, "externalId" | "since">; readonly candidate: Candidate },
  written: { readonly status: string; readonly runId: string },
  policy: Policy,
): JobCheck {
  if (fresh === undefined) return { kind: "changed", detail: "the job was deleted" };
  // A base may lack the field for notes; a completed job is known by its response payload then, a failed one by its error.
  const ours = [fresh.notes, fresh.responsePayload, fresh.error ?? ""].some((text) => text.includes(written.runId));
  if (fresh.status === written.status && ours) return { kind: "already-written" };
  if (!policy.stuckStatuses.includes(fresh.status)) {
    return { kind: "changed", detail: `its status is ${JSON.stringify(fresh.status)} now` };
  }
  if (fresh.externalId !== decided.job.externalId) return { kind: "changed", detail: "its external id was changed" };
  if (!isSameInstant(fresh.since, decided.job.since)) return { kind: "changed", detail: "its date was changed" };
  const { operation, targetId, names } = decided.candidate;
  const lookup = resolveOperation(fresh, policy.operations);
  if (lookup.kind === "unknown" || lookup.operation.name !== operation.name) {
    return { kind: "changed", detail: "its operation was changed" };
  }
  const freshNames = outputNames(operation, fresh);
  if (freshNames.kind !== "named" || !isSameNames(freshNames.sets, names)) {
    return { kind: "changed", detail: "what its output is named by was changed" };
  }
  const target = resolveTarget(fresh, operation);
  const id = target.kind === "named" ? target.id : null;
  if (target.kind === "ambiguous") return { kind: "changed", detail: `its target is ${target.ids.join(" or ")}` };
  if (targetId !== null && id !== targetId) return { kind: "changed", detail: "its target was changed" };
  return { kind: "unchanged", job: fresh, targetId: id };
}

/** Compares the names that an output may have, which rest on many fields of its job. */
function isSameNames(one: Candidate["names"], other: Candidate["names"]): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function isSameInstant(one: StartTime, other: StartTime): boolean {
  return one.kind === "at" && other.kind === "at" && one.at === other.at;
}

/** What a target that was just read allows. */
export type TargetCheck =
  /** `files`: the other files there, which stay. */
  | { readonly kind: "write"; readonly value: AttachmentValue | string; readonly files: readonly string[] }
  /** As `write`, but the other files are lost: none of them may be a newer job's. */
  | { readonly kind: "replace"; readonly value: AttachmentValue | string; readonly files: readonly string[] }
  /** The output is there already: the webhook, or an earlier run, has written it. */
  | { readonly kind: "already-attached" }
  | { readonly kind: "occupied"; readonly detail: string; readonly files: readonly string[] }
  | { readonly kind: "deleted" };

/**
 * Checks whether the output may be written to the target's field. Airtable replaces an attachment's URL with its own,
 * so the file is recognised by its name and size.
 *
 * @param givingWay the ids of attachments, or the texts, that the output may take the place of
 */
export function checkTarget(
  record: TargetRecord | undefined,
  operation: Operation,
  outputs: readonly Output[],
  givingWay: ReadonlySet<string> = new Set(),
): TargetCheck {
  if (record === undefined) return { kind: "deleted" };
  if (operation.deliver?.as === "url") return checkUrl(record, operation, outputs, givingWay);
  const present = (record.attachments[operation.attachment] ?? []).filter(
    ({ id }) => id === null || !givingWay.has(id),
  );
  const findAttached = (output: Output) => present.find((file) => isFileOf(file, output));
  if (outputs.every((output) => findAttached(output) !== undefined)) return { kind: "already-attached" };
  const names = outputs.map(({ url }) => fileNameOf(url));
  // A file of this name but another size is an earlier fetch that broke off, or was rendered again: it is replaced.
  // Where only folders name the job, as in `{externalId}/final.mp4`, it may as well be another job's: it stays.
  const value: AttachmentValue = outputs.map((output) => {
    const id = findAttached(output)?.id ?? null;
    return id === null ? { url: output.url } : { id };
  });
  const isOwnName = (file: Attachment) =>
    isNamedById(operation) ? names.includes(file.filename) : outputs.some((output) => isFileOf(file, output));
  const others = present.filter((file) => !isOwnName(file));
  const files = others.map(({ filename }) => filename);
  const [other] = others;
  if (other === undefined) return { kind: "write", value, files };
  switch (operation.onExisting) {
    case "skip":
      return { kind: "occupied", detail: `${operation.attachment} already holds ${other.filename}`, files };
    case "replace":
      return { kind: "replace", value, files };
    case "append": {
      const kept = others.flatMap((file) => (file.id === null ? [] : [{ id: file.id }]));
      if (kept.length < others.length) {
        return { kind: "occupied", detail: `${other.filename} has no id yet and could not be kept`, files };
      }
      return { kind: "write", value: [...kept, ...value], files };
    }
  }
}

/** Checks whether the output's URL may be written to a field of text. One that is there already counts as delivered. */
function checkUrl(
  record: TargetRecord,
  operation: Operation,
  outputs: readonly Output[],
  givingWay: ReadonlySet<string>,
): TargetCheck {
  const { attachment: field, onExisting } = operation;
  const cell = record.cells[field];
  const value = outputs.map(({ url }) => url).join("\n");
  if (cell === undefined || cell === null || cell === "") return { kind: "write", value, files: [] };
  if (typeof cell !== "string") return { kind: "occupied", detail: `${field} is no field of text`, files: [] };
  if (cell.trim() === value) return { kind: "already-attached" };
  if (givingWay.has(cell.trim())) return { kind: "write", value, files: [] };
  const files = cell.split(/\s+/).map(fileNameOf);
  if (onExisting === "replace") return { kind: "replace", value, files };
  return { kind: "occupied", detail: `${field} already holds ${cell}`, files };
}

function isFileOf({ filename, size }: Attachment, { url, bytes }: Output): boolean {
  return filename === fileNameOf(url) && (size === null || size === bytes);
}
