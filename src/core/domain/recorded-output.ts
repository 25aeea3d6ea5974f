import type { Job } from "./job.ts";
import type { Operation } from "./operation.ts";
import { fieldsInNames } from "./output-names.ts";
import { parseReportedResult } from "./response-payload.ts";

type Delivery = Pick<Operation, "targetKind" | "deliver">;

/** Returns the field of a job that holds the URL of its own output; null where that goes elsewhere, or as a file. */
function ownUrlField({ targetKind, deliver }: Delivery): string | null {
  return targetKind === "self" && deliver?.as === "url" ? deliver.field : null;
}

/** Returns the further fields of a job that are read: those in names of outputs, and the one with its output's URL. */
export function furtherFields(operations: readonly (Delivery & Pick<Operation, "outputs">)[]): readonly string[] {
  const urls = operations.map(ownUrlField).filter((field) => field !== null);
  return [...new Set([...fieldsInNames(operations), ...urls])];
}

/** Returns the address of its output that a job has on record: in its response payload, else in its own URL field. */
export function recordedUrl(job: Pick<Job, "responsePayload" | "fields">, operation: Delivery): string | null {
  const { url } = parseReportedResult(job.responsePayload);
  if (url !== null) return url;
  const field = ownUrlField(operation);
  const text = field !== null && Object.hasOwn(job.fields, field) ? (job.fields[field] ?? "") : "";
  return /^https?:\/\//.test(text) && URL.canParse(text) ? text : null;
}
