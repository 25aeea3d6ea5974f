import type { WriteResult } from "../../core/ports/ports.ts";
import { recordsIn } from "./api-records.ts";
import type { JsonObject } from "./client.ts";
import type { Requests } from "./requests.ts";

/** One record of a write; the keys of `fields` are names or ids. */
export interface RecordUpdate {
  readonly id: string;
  readonly fields: JsonObject;
}

/**
 * Writes at most ten records in one request. Airtable refuses a batch as a whole for one bad record: which one it was
 * shows only in smaller batches, and those have to rest on a new read. The results are in the order of `updates`.
 */
export async function writeRecords(
  requests: Requests,
  table: string,
  updates: readonly RecordUpdate[],
  signal: AbortSignal,
): Promise<readonly WriteResult[]> {
  if (updates.length === 0) return [];
  const written = await requests.write(
    { method: "PATCH", path: `/${encodeURIComponent(table)}`, body: { records: updates } },
    signal,
  );
  switch (written.kind) {
    case "accepted": {
      const answered = new Set((recordsIn(written.body) ?? []).map(({ id }) => id));
      return updates.map(({ id }) =>
        answered.has(id)
          ? { id, kind: "confirmed" }
          : { id, kind: "unconfirmed", error: "Airtable's answer does not name the record" },
      );
    }
    case "unconfirmed":
      return updates.map(({ id }) => ({ id, ...written }));
    case "refused":
      if (updates.length === 1) {
        const kind = written.type === "ROW_DOES_NOT_EXIST" ? "deleted" : "refused";
        return updates.map(({ id }) => ({ id, kind, error: written.error }));
      }
      return updates.map(({ id }) => ({ id, kind: "batch-rejected", error: written.error }));
  }
}
