import { type RefusedKind, webhookKey } from "../core/ports/journal.ts";
import type { JournalLine } from "./read.ts";

/** Collects the kinds of writes to a base that were refused and not taken since. */
export async function collectRefusals(
  lines: AsyncIterable<JournalLine>,
  baseId: string,
): Promise<readonly RefusedKind[]> {
  const refused = new Map<string, RefusedKind>();
  for await (const line of lines) {
    if (line.kind !== "refusal" || line.base !== baseId) continue;
    const { of: kind, error, at, job, scope } = line;
    if (error === null) refused.delete(kind);
    else refused.set(kind, { kind, error, at: Date.parse(at), job: job.id, scope });
  }
  return [...refused.values()];
}

/**
 * Collects the jobs of a base whose webhook was announced, and may have been received. One without a result was being
 * sent when its run was killed.
 */
export async function collectWebhooks(lines: AsyncIterable<JournalLine>, baseId: string): Promise<ReadonlySet<string>> {
  const announced = new Map<string, string>();
  for await (const line of lines) {
    if (line.base !== undefined && line.base !== baseId) continue;
    if (line.kind === "webhook") announced.set(`${line.run} ${line.write}`, webhookKey(line.job));
    else if (line.kind === "result" && line.result === "not-sent") announced.delete(`${line.run} ${line.write}`);
  }
  return new Set(announced.values());
}
