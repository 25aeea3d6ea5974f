import { XMLParser, XMLValidator } from "fast-xml-parser";
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

/** What `readKeys` of xml.ts reads. */
export function keysOf(text: string): { keys: readonly string[]; whole: boolean } | null {
  const found = listing.safeParse(parse(text));
  if (!found.success) return null;
  const { Contents, IsTruncated } = found.data.ListBucketResult;
  return { keys: Contents.map(({ Key }) => Key), whole: IsTruncated === "false" };
}

/** What `readRefusal` of xml.ts reads. */
export function refusalOf(text: string): { code: string; region: string | null } | null {
  const found = refusal.safeParse(parse(text));
  return found.success ? { code: found.data.Error.Code, region: found.data.Error.Region } : null;
}

/** Null for what is not well-formed. */
function parse(text: string): unknown {
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
