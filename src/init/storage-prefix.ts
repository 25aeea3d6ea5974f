import { parseBucketUrl } from "../storage/bucket-url.ts";
import { indexOfWord } from "./learn-outputs.ts";
import { type NamedFile, parseFileUrl } from "./named-files.ts";

/** What the value of `init --storage` says. */
export type GivenStorage =
  | { readonly kind: "prefix"; readonly prefix: string }
  /** The URL of the output of a job of the sample: an example to learn from. */
  | { readonly kind: "example"; readonly jobId: string; readonly file: NamedFile }
  /** The URL of a file that no job of the sample names. */
  | { readonly kind: "unmatched"; readonly prefix: string; readonly pattern: string };

/** Reads a prefix, or the URL of one output. */
export function parseGivenStorage(
  url: string,
  jobs: readonly { readonly id: string; readonly externalId: string | null }[],
): GivenStorage {
  const prefix = url.replace(/\/+$/, "");
  const file = parseFileUrl(url);
  if (file === null) return { kind: "prefix", prefix };
  const job = jobs.find(({ externalId }) => {
    return externalId !== null && file.segments.some((segment) => indexOfWord(segment, externalId) !== -1);
  });
  if (job !== undefined) {
    return { kind: "example", jobId: job.id, file: { field: "--storage", via: null, path: [], as: "url", ...file } };
  }
  // A bucket may have a dot in its name.
  if (file.segments.length === 1) return { kind: "prefix", prefix };
  const name = file.segments.at(-1) ?? "";
  const pattern = `{externalId}${name.slice(name.lastIndexOf("."))}`;
  return { kind: "unmatched", prefix: prefix.slice(0, prefix.lastIndexOf("/")), pattern };
}

/** Returns the longest prefix that the most used one shares with the others of its bucket; null without any. */
export function commonPrefix(prefixes: readonly string[]): string | null {
  const [first, ...others] = prefixes;
  if (first === undefined) return null;
  const bucket = parseBucketUrl(first, null).bucket.href;
  const same = others.filter((other) => parseBucketUrl(other, null).bucket.href === bucket);
  let common = first.split("/");
  for (const other of same) {
    const parts = other.split("/");
    const differing = common.findIndex((part, n) => part !== parts[n]);
    if (differing !== -1) common = common.slice(0, differing);
  }
  return common.join("/");
}
