import { type Job, webhookParameter } from "./job.ts";
import type { Operation } from "./operation.ts";
import { getString } from "./payload.ts";

export type OperationLookup =
  | { readonly kind: "known"; readonly operation: Operation }
  | { readonly kind: "unknown"; readonly named: string | null };

/**
 * Returns the operation of a job: `operation` in its payload, else `operation=` in its webhook URL, else the one whose
 * `types` hold its Type, else the one that all other jobs are of. A name that the configuration does not have ends
 * the search: a guess by Type would probe another operation's output.
 */
export function resolveOperation(job: Job, operations: readonly Operation[]): OperationLookup {
  const named = getString(job.payload, "operation") ?? webhookParameter(job, "operation");
  const operation =
    named !== null
      ? operations.find((candidate) => candidate.name === named)
      : (operations.find((candidate) => job.type !== null && candidate.types.includes(job.type)) ??
        operations.find(({ isDefault }) => isDefault));
  return operation ? { kind: "known", operation } : { kind: "unknown", named: named ?? job.type };
}
