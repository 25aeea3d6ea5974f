import { invalid } from "./api-error.ts";

/** Some of what a listing found, and where it goes on; no offset after the last. */
export interface Page {
  readonly ids: readonly string[];
  readonly offset: string | null;
}

/** The listings that are under way: each keeps what matched when it began. */
export interface Iterators {
  /** The first page. */
  begin(table: string, ids: readonly string[], pageSize: number, now: number): Page;
  /** @throws Refused when the iterator is gone, of another table, or never gave this offset */
  resume(table: string, offset: string, pageSize: number, now: number): Page;
  /** Makes every listing that is under way start over. */
  expire(): void;
}

interface Listing {
  readonly key: string;
  readonly table: string;
  readonly ids: readonly string[];
  readonly bornAt: number;
  /** Where the offsets that were given away stand, by the record they name. */
  readonly positions: Map<string, number>;
}

/** How long a listing may take before its iterator is gone. */
const CURSOR_TTL_MS = 300_000;

/** In memory. */
export function createIterators(): Iterators {
  const listings = new Map<string, Listing>();
  let count = 0;

  function pageOf(listing: Listing, start: number, pageSize: number): Page {
    const end = start + pageSize;
    const next = listing.ids[end];
    const ids = listing.ids.slice(start, end);
    if (next === undefined) return { ids, offset: null };
    listings.set(listing.key, listing);
    listing.positions.set(next, end);
    return { ids, offset: `${listing.key}/${next}` };
  }

  return {
    begin(table, ids, pageSize, now) {
      for (const { key, bornAt } of listings.values()) if (now - bornAt > CURSOR_TTL_MS) listings.delete(key);
      count += 1;
      const key = `itr${String(count).padStart(14, "0")}`;
      return pageOf({ key, table, ids, bornAt: now, positions: new Map() }, 0, pageSize);
    },
    resume(table, offset, pageSize, now) {
      const [key = "", record = ""] = offset.split("/");
      const listing = listings.get(key);
      const start = listing?.positions.get(record);
      if (
        listing === undefined ||
        start === undefined ||
        listing.table !== table ||
        now - listing.bornAt > CURSOR_TTL_MS
      ) {
        throw invalid("LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "The iterator is not available. Start over.");
      }
      return pageOf(listing, start, pageSize);
    },
    expire: () => listings.clear(),
  };
}
