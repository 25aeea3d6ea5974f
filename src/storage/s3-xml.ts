import { XMLParser, XMLValidator } from "fast-xml-parser";
import * as z from "zod";

/** What is read of a listing. A server that leaves out whether it is complete has not said so. */
const listing = z.object({
  ListBucketResult: z.object({
    Contents: z.array(z.object({ Key: z.string(), LastModified: z.string().default("") })).default([]),
    IsTruncated: z.string().default(""),
  }),
});

/** A word that may be shown as it is: a code, a region. */
const word = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/);

const refusal = z.object({ Error: z.object({ Code: word, Region: word.nullable().catch(null).default(null) }) });

/** Parses an S3 listing into its keys and whether they are all; null for a text that is none, or was cut off. */
export function parseListing(text: string): { keys: readonly string[]; complete: boolean } | null {
  const found = listing.safeParse(hasRoot("ListBucketResult", text) ? parse(text) : null);
  if (!found.success) return null;
  const { Contents, IsTruncated } = found.data.ListBucketResult;
  // Times of one server are of one form: as texts they sort as times.
  const newestFirst = Contents.toSorted((one, other) => compare(other.LastModified, one.LastModified));
  return { keys: newestFirst.map(({ Key }) => Key), complete: IsTruncated === "false" };
}

/** Parses an S3 error into its code ("AccessDenied") and the region that it may name; null for any other text. */
export function parseError(text: string): { code: string; region: string | null } | null {
  const found = refusal.safeParse(hasRoot("Error", text) ? parse(text) : null);
  return found.success ? { code: found.data.Error.Code, region: found.data.Error.Region } : null;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** What stands before the root of an S3 answer is shorter. */
const MAX_PROLOG = 1_000;

/** Returns whether a text begins as an S3 answer of that name does: the parser is lenient, and gets nothing else. */
export function hasRoot(root: "ListBucketResult" | "Error", text: string): boolean {
  return new RegExp(`^\\uFEFF?\\s*(<\\?xml[^>]{0,200}>\\s*)?<${root}[\\s>/]`).test(text.slice(0, MAX_PROLOG));
}

/** S3's own answers nest four deep. */
const MAX_DEPTH = 20;

/** Returns null for what is not well-formed, or is nothing that an S3 server sends. */
function parse(text: string): unknown {
  // S3 declares no types; entities that are declared could grow without bound.
  if (text.includes("<!")) return null;
  try {
    if (XMLValidator.validate(text) !== true) return null;
    const parser = new XMLParser({
      ignoreAttributes: true,
      parseTagValue: false,
      trimValues: false,
      // Its name for decoding numeric references, which keys may hold, as well.
      htmlEntities: true,
      maxNestedTags: MAX_DEPTH,
      isArray: (name) => name === "Contents",
    });
    return parser.parse(text);
  } catch (error) {
    // The parser throws for deep nesting and for names like `__proto__`.
    if (error instanceof Error) return null;
    throw error;
  }
}
