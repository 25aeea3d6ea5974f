import type { WriteResult } from "../core/ports.ts";
import type { JsonObject } from "./exchange.ts";
import { recordsIn } from "./records.ts";
import type { Requests } from "./requests.ts";

/** One record of a write; the keys of `fields` are names or ids. */
export interface RecordUpdate {
  readonly id: string;
  readonly fields: JsonObject;
}

/**
 * Writes at most ten records in one request. Airtable refuses a batch as a whole for one bad record: it is halved
 * until the bad ones stand alone, so that they do not hold up the others. The results are in the order of `updates`.
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
    case "refused": {
      const [only] = updates;
      if (updates.length === 1 && only !== undefined) return [{ id: only.id, ...written }];
      const middle = Math.ceil(updates.length / 2);
      const first = await writeRecords(requests, table, updates.slice(0, middle), signal);
      return [...first, ...(await writeRecords(requests, table, updates.slice(middle), signal))];
    }
  }
}
