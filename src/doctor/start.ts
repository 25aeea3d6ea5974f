import type { Settings } from "../config/settings.ts";
import { type CheckResult, pass, warn } from "./check-result.ts";

/** Checks whether the date from which a job's age counts is good enough for its statuses and the names of its outputs. */
export function checkStart({ jobs, operations }: Settings): readonly CheckResult[] {
  const [id, title] = ["start", "start"] as const;
  const { startedAt } = jobs.fields;
  if (startedAt !== null)
    return [pass(id, title, `a job's age counts from "${startedAt}", if it was not created later`)];
  const known = "a job's age counts from the creation of its record";
  const add = "Add a date with a time that is set when a job is sent, and name it in jobs.fields.startedAt";
  const reused = operations.filter(({ outputs }) =>
    outputs.some(({ pattern, mayPredate }) => !pattern.includes("{externalId}") && !mayPredate),
  );
  const warnings = [
    ...(jobs.stuckStatuses.includes("pending")
      ? [warn(id, title, `${known}: one that waited as "pending" counts as older than it is`, `${add}.`)]
      : []),
    ...reused.map(({ name }) =>
      warn(
        id,
        title,
        `${known}, and outputs of ${name} are not named by the external id: when a job runs again, its last output looks like the new one`,
        `${add}; or name the outputs by {externalId}.`,
      ),
    ),
  ];
  return warnings.length > 0 ? warnings : [pass(id, title, known)];
}
