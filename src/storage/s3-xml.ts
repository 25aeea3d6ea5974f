/** The keys of an S3 listing, and whether they are all; null for a text that is none, or was cut off. */
export async function parseListing(text: string): Promise<{ keys: readonly string[]; whole: boolean } | null> {
  return isAnswer(text) ? (await parser()).keysOf(text) : null;
}

/** The code of an S3 error ("AccessDenied"), and the region that it may name; null where the text is no such error. */
export async function parseError(text: string): Promise<{ code: string; region: string | null } | null> {
  return isAnswer(text) ? (await parser()).refusalOf(text) : null;
}

/** Whether the text begins as an S3 answer of that name does: the parser is lenient, and is not given anything else. */
export function hasRoot(root: "ListBucketResult" | "Error", text: string): boolean {
  return new RegExp(`^\\uFEFF?\\s*(<\\?xml[^>]{0,200}>\\s*)?<${root}[\\s>/]`).test(text);
}

function isAnswer(text: string): boolean {
  return hasRoot("ListBucketResult", text) || hasRoot("Error", text);
}

/** Loaded late: most sweeps neither list nor are refused. */
const parser = () => import("./parse-xml.ts");
