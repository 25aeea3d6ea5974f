/** The parts of a table's name, taken as they stand: `["public", "renders"]`, or `["renders"]` on the search path. */
export type TableName = readonly string[];

/** Returns the parts of `table` or `schema.table`; a name that holds dots of its own is given as a list of its parts. */
export function parseTableName(name: string | readonly string[]): TableName {
  return typeof name === "string" ? name.split(".") : name;
}

/** Says what is wrong with the name of a schema, table or column; null where PostgreSQL could have one of that name. */
export function identifierProblem(name: string): string | null {
  if (name === "") return "is empty";
  if (name.includes("\0")) return "holds a NUL character";
  return Buffer.byteLength(name) > MAX_BYTES ? `is longer than PostgreSQL's ${MAX_BYTES} bytes` : null;
}

/** PostgreSQL cuts longer names off, so that two of them could mean the same. */
const MAX_BYTES = 63;

/** Quotes one part of a name, so that it stands for itself whatever characters it holds. */
export function quoteIdentifier(name: string): string {
  const problem = identifierProblem(name);
  if (problem !== null) throw new RangeError(`the name ${JSON.stringify(name)} ${problem}`);
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a table's name, part by part. */
export function quoteTable(table: TableName): string {
  return table.map(quoteIdentifier).join(".");
}

/** A table's name for people. */
export function formatTable(table: TableName): string {
  return table.join(".");
}
