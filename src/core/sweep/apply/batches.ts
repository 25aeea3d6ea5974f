/** Jobs and targets that are read in one request each before they are written. */
export const READ_BATCH = 50;

/** Records that Airtable takes in one write. */
export const WRITE_BATCH = 10;

/** Returns batches for one write each, in none of which an id occurs twice: Airtable refuses such a request whole. */
export function batches<T>(items: readonly T[], idOf: (item: T) => string): readonly (readonly T[])[] {
  const result: { items: T[]; ids: Set<string> }[] = [];
  for (const item of items) {
    const id = idOf(item);
    let batch = result.find(({ items, ids }) => items.length < WRITE_BATCH && !ids.has(id));
    if (batch === undefined) {
      batch = { items: [], ids: new Set() };
      result.push(batch);
    }
    batch.items.push(item);
    batch.ids.add(id);
  }
  return result.map(({ items }) => items);
}

/** Splits a batch that was refused for one of its records. */
export function splitInHalf<T>(batch: readonly T[]): readonly (readonly T[])[] {
  const middle = Math.ceil(batch.length / 2);
  return [batch.slice(0, middle), batch.slice(middle)];
}
