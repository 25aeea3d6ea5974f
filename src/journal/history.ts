import type { Change, JournaledWebhook, JournaledWrite, JournalFile } from "../core/ports/journal.ts";
import type { JournalLine, ResultLine, WebhookLine, WriteLine } from "./read.ts";

/** Results that prove that a write did not happen. */
const NOT_DONE = ["refused", "deleted", "changed", "batch-rejected", "stale"];

/** The writes and webhooks of a base that a journal holds, in the order in which they were announced. */
export interface JournalHistory {
  readonly writes: readonly JournaledWrite[];
  readonly webhooks: readonly JournaledWebhook[];
}

/** The kinds of lines that a history is made of. */
export const HISTORY_KINDS = ["write", "webhook", "result"] as const;

/**
 * Collects the writes to a base, and the webhooks that were sent again, from a journal's lines, oldest first. Lines of
 * another base, whose runs share the journal, are passed over; early lines name none, and count as this one's.
 *
 * @throws NoJournalError where there is none
 */
export async function readHistory(lines: AsyncIterable<JournalLine>, baseId: string): Promise<JournalHistory> {
  const announced = new Map<string, { readonly line: WriteLine | WebhookLine; result: ResultLine | null }>();
  for await (const line of lines) {
    if (line.base !== undefined && line.base !== baseId) continue;
    const key = "write" in line ? `${line.run} ${line.write}` : "";
    if (line.kind === "write" || line.kind === "webhook") announced.set(key, { line, result: null });
    else if (line.kind === "result") {
      const known = announced.get(key);
      if (known !== undefined) known.result = line;
    }
  }
  const writes: JournaledWrite[] = [];
  const webhooks: JournaledWebhook[] = [];
  for (const { line, result: resultLine } of announced.values()) {
    const result = resultLine?.result ?? null;
    const { run, command, at: text, job: named } = line;
    const { id, externalId, operation, since } = named;
    const job = { id, externalId, operation, since: since === null ? null : Date.parse(since) };
    const at = Date.parse(text);
    if (line.kind === "webhook") {
      if (result !== "refused" && result !== "not-sent") webhooks.push({ at, run, command, job });
      continue;
    }
    const { role, table, record, fields, reason, supersededBy, undoes } = line;
    const possiblyApplied = result === null || !NOT_DONE.includes(result);
    const confirmed = result === "confirmed";
    writes.push({
      at,
      run,
      command,
      role,
      table,
      record,
      job,
      fields: withAttachmentIds(fields, resultLine?.files ?? {}),
      reason,
      supersededBy,
      undoes,
      possiblyApplied,
      confirmed,
      finished: result !== null,
    });
  }
  return { writes, webhooks };
}

/** Returns the changes with the ids that the base gave to the files which were handed over by URL. */
export function withAttachmentIds(
  fields: Readonly<Record<string, Change>>,
  files: Readonly<Record<string, readonly JournalFile[]>>,
): Readonly<Record<string, Change>> {
  const entries = Object.entries(fields).map(([name, change]): readonly [string, Change] => {
    const answered = files[name] ?? [];
    const { before, after } = change;
    if (!Array.isArray(after) || answered.length === 0) return [name, change];
    const named = after.map((file: JournalFile) => {
      return file.id === null
        ? { ...file, id: answered.findLast(({ filename }) => filename === file.filename)?.id ?? null }
        : file;
    });
    return [name, { before, after: named }];
  });
  return Object.fromEntries(entries);
}
