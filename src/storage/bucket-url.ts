import { parseStorageHost, withoutCdn } from "./hosts.ts";

/** How a URL names the bucket: as the first segment of its path, or in its host. */
export type Addressing = "path" | "virtual";

/** Where outputs lie, as S3's protocol sees it. */
export interface BucketLocation {
  /** The bucket itself, which is what a listing asks for. Ends with a slash. */
  readonly bucket: URL;
  /** What every key begins with, percent-decoded: `""`, or a folder with its slash. */
  readonly keyPrefix: string;
  /** For signatures, as far as the host names it. */
  readonly region: string;
}

/** The region that signatures name where the host has none; self-hosted servers mostly do not check it. */
const DEFAULT_REGION = "us-east-1";

/**
 * Finds the bucket in `storage.baseUrl`. The form of a known provider's host says whether it names the bucket; any other
 * host (MinIO, Ceph) is taken for one that does not, unless there is no path or `addressing` says so. A path after the
 * bucket is part of every key: in `https://phi-bucket.nyc3.digitaloceanspaces.com/phi-bucket`, which is how NCA names
 * its outputs, keys begin with `phi-bucket/`.
 */
export function parseBucketUrl(baseUrl: string, addressing: Addressing | null): BucketLocation {
  const base = withoutCdn(new URL(baseUrl));
  const host = parseStorageHost(base.hostname);
  // One of the trailing slashes joins the file name, as in `urlFor`; further ones are part of the key.
  const path = `${base.pathname.replace(/\/$/, "")}/`.slice(1);
  const style = addressing ?? (host === null || host.bucket === null ? "path" : "virtual");
  const bucket = style === "path" ? (/^[^/]+\//.exec(path)?.[0] ?? "") : "";
  return {
    bucket: new URL(`/${bucket}`, base),
    // An invalid escape is left as it is: the server decides what it means.
    keyPrefix: safeDecode(path.slice(bucket.length)) ?? path.slice(bucket.length),
    region: host?.region ?? DEFAULT_REGION,
  };
}

/**
 * Returns the URL of the same object at the bucket's configured address, or null for one that is not of this bucket. At
 * a known provider the CDN, `https://host/bucket/key` and `https://bucket.host/key` are one place.
 */
export function toBucketUrl({ bucket }: BucketLocation, url: URL): URL | null {
  if (url.username !== "" || url.password !== "") return null;
  const asked = withoutCdn(url);
  const isBelow = asked.origin === bucket.origin && asked.pathname.startsWith(bucket.pathname);
  const path = isBelow ? asked.pathname.slice(bucket.pathname.length) : pathByForm(bucket, asked);
  // A gateway may resolve an escaped `..` only after it has checked the signature.
  if (path === null || DOT_SEGMENT.test(safeDecode(path) ?? path)) return null;
  if (isBelow && asked.hash === "") return asked;
  const found = new URL(bucket);
  found.pathname = bucket.pathname + path;
  found.search = asked.search;
  return found;
}

const DOT_SEGMENT = /(?:^|[/\\])\.\.?(?:[/\\]|$)/;

function pathByForm(bucket: URL, url: URL): string | null {
  if (url.protocol !== bucket.protocol || url.port !== bucket.port) return null;
  const [ours, theirs] = [splitByForm(bucket), splitByForm(url)];
  if (ours === null || theirs === null) return null;
  return ours.endpoint === theirs.endpoint && ours.bucket === theirs.bucket ? theirs.path : null;
}

function splitByForm({ hostname, pathname }: URL) {
  const host = parseStorageHost(hostname);
  if (host === null) return null;
  const { endpoint } = host;
  if (host.bucket !== null) return { endpoint, bucket: host.bucket, path: pathname.slice(1) };
  const [, bucket = "", path = ""] = /^\/([^/]+)\/(.*)$/.exec(pathname) ?? [];
  return bucket === "" ? null : { endpoint, bucket, path };
}

/** Returns whether a URL of the bucket is one of a key under the configured prefix. */
export function isUnderPrefix({ bucket, keyPrefix }: BucketLocation, { pathname }: URL): boolean {
  const key = safeDecode(pathname.slice(bucket.pathname.length));
  return key !== null && key.length > keyPrefix.length && key.startsWith(keyPrefix);
}

/** Decodes percent-escapes; null where one is invalid. */
export function safeDecode(text: string): string | null {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

/** Parses a URL; null where the text is none. */
export function parseUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}
