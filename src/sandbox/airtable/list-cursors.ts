import { invalid } from "./api-error.ts";

/** One page of a listing; `offset` is where the next begins, null after the last. */
export interface Page {
  readonly ids: readonly string[];
  readonly offset: string | null;
}

/** The listings in progress. Each keeps the records that matched when it began. */
export interface ListCursors {
  /** Returns the first page. */
  begin(table: string, ids: readonly string[], pageSize: number, now: number): Page;
  /** @throws ApiError where the cursor has expired, is of another table, or never returned this offset */
  resume(table: string, offset: string, pageSize: number, now: number): Page;
  /** Expires all listings in progress. */
  expire(): void;
}

interface Cursor {
  readonly key: string;
  readonly table: string;
  readonly ids: readonly string[];
  readonly createdAt: number;
  /** The positions of the offsets that were returned, by the record they name. */
  readonly positions: Map<string, number>;
}

/** How long a listing may take before its cursor expires. */
const CURSOR_TTL_MS = 300_000;

export function createListCursors(): ListCursors {
  const cursors = new Map<string, Cursor>();
  let count = 0;

  function nextPage(cursor: Cursor, start: number, pageSize: number): Page {
    const end = start + pageSize;
    const next = cursor.ids[end];
    const ids = cursor.ids.slice(start, end);
    if (next === undefined) return { ids, offset: null };
    cursors.set(cursor.key, cursor);
    cursor.positions.set(next, end);
    return { ids, offset: `${cursor.key}/${next}` };
  }

  return {
    begin(table, ids, pageSize, now) {
      for (const { key, createdAt } of cursors.values()) if (now - createdAt > CURSOR_TTL_MS) cursors.delete(key);
      count += 1;
      const key = `itr${String(count).padStart(14, "0")}`;
      return nextPage({ key, table, ids, createdAt: now, positions: new Map() }, 0, pageSize);
    },
    resume(table, offset, pageSize, now) {
      const [key = "", record = ""] = offset.split("/");
      const cursor = cursors.get(key);
      const start = cursor?.positions.get(record);
      if (
        cursor === undefined ||
        start === undefined ||
        cursor.table !== table ||
        now - cursor.createdAt > CURSOR_TTL_MS
      ) {
        throw invalid("LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "The iterator is not available. Start over.");
      }
      return nextPage(cursor, start, pageSize);
    },
    expire: () => cursors.clear(),
  };
}
