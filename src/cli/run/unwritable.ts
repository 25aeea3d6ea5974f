import type { Settings } from "../../config/settings.ts";
import { UpstreamError } from "../../core/ports/errors.ts";
import { deliveryKind, statusKind, type WriteKind } from "../../core/sweep/apply/write-gate.ts";
import type { CheckResult } from "../../doctor/check-result.ts";
import type { Metadata } from "../../stores/airtable/metadata.ts";

/**
 * Returns the kinds of writes that the base would refuse, by its schema: a field that is missing, computed or of another
 * type, an option that does not exist. Empty where the schema cannot be read: then the base's own refusal says it. Warns of
 * a stuck status that is no option, since no job can be found by it.
 */
export async function findUnwritable(
  metadata: Metadata,
  settings: Settings,
  warn: (message: string) => void,
  signal: AbortSignal,
): Promise<ReadonlyMap<WriteKind, string>> {
  const { checkSchema } = await import("../../doctor/schema.ts");
  try {
    const problems = checkSchema(settings, await metadata.tables(signal)).flatMap((each) =>
      each.level === "fail" ? [each] : [],
    );
    const unknown = problems.filter(({ title }) => title === "jobs.stuckStatuses");
    for (const { title, detail, next } of unknown) warn(`${title}: ${detail}, so no job has it. ${next}`);
    return new Map(problems.flatMap((problem) => kindsOf(problem, settings).map((kind) => [kind, describe(problem)])));
  } catch (error) {
    if (error instanceof UpstreamError) return new Map();
    throw error;
  }
}

/** Fields of a job that every write of it includes. */
const WRITTEN = ["jobs.fields.status", "jobs.fields.notes"];

function kindsOf({ title }: CheckResult, { jobs, operations }: Settings): readonly WriteKind[] {
  const [completed, failed] = [statusKind(jobs.completedStatus), statusKind(jobs.failedStatus)];
  if (WRITTEN.includes(title)) return [completed, failed];
  if (title === "jobs.completedStatus" || title === "jobs.fields.responsePayload") return [completed];
  if (title === "jobs.failedStatus" || title === "jobs.fields.error") return [failed];
  return operations.flatMap((operation) => {
    const own = ["attachment", "deliver.field", "set"].map((key) => `operations.${operation.name}.${key}`);
    const isOwn = own.includes(title) || title.startsWith(`operations.${operation.name}.set.`);
    return isOwn ? [deliveryKind(operation)] : [];
  });
}

function describe(problem: CheckResult): string {
  const next = problem.level === "pass" ? "" : `. ${problem.next}`;
  return `not tried: ${problem.title}: ${problem.detail}${next}`;
}
