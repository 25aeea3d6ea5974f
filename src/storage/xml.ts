import * as z from "zod";

/** What a listing holds that is looked at. A server that leaves out whether it is whole has not said so. */
const listing = z.object({
  ListBucketResult: z.object({
    Contents: z.array(z.object({ Key: z.string() })).default([]),
    IsTruncated: z.string().default(""),
  }),
});

/** A word that may be shown as it is: a code, a region. */
const word = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/);

const refusal = z.object({ Error: z.object({ Code: word, Region: word.nullable().catch(null).default(null) }) });

/** The keys of an S3 listing, and whether they are all; null for a text that is none, or was cut off. */
export async function readKeys(text: string): Promise<{ keys: readonly string[]; whole: boolean } | null> {
  const found = listing.safeParse(await parse(text));
  if (!found.success) return null;
  const { Contents, IsTruncated } = found.data.ListBucketResult;
  return { keys: Contents.map(({ Key }) => Key), whole: IsTruncated === "false" };
}

/** The code of an S3 error ("AccessDenied"), and the region that it may name; null where the text is no such error. */
export async function readRefusal(text: string): Promise<{ code: string; region: string | null } | null> {
  const found = refusal.safeParse(await parse(text));
  return found.success ? { code: found.data.Error.Code, region: found.data.Error.Region } : null;
}

/** Whether the text begins as an S3 answer of that name does: the parser is lenient, and is not given anything else. */
export function beginsAs(root: "ListBucketResult" | "Error", text: string): boolean {
  return new RegExp(`^\\uFEFF?\\s*(<\\?xml[^>]{0,200}>\\s*)?<${root}[\\s>/]`).test(text);
}

/** Null for what is not well-formed. Loaded late: most sweeps neither list nor are refused. */
async function parse(text: string): Promise<unknown> {
  if (!beginsAs("ListBucketResult", text) && !beginsAs("Error", text)) return null;
  const { XMLParser, XMLValidator } = await import("fast-xml-parser");
  if (XMLValidator.validate(text) !== true) return null;
  const parser = new XMLParser({
    ignoreAttributes: true,
    parseTagValue: false,
    trimValues: false,
    // Its name for decoding numeric references, which keys may hold, as well.
    htmlEntities: true,
    isArray: (name) => name === "Contents",
  });
  return parser.parse(text);
}
