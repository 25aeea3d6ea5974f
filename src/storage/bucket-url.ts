import { withoutCdn } from "./redirects.ts";

/** How a URL names the bucket: as the first segment of its path, or in its host. */
export type Addressing = "path" | "virtual";

/** The place where outputs lie, as S3's protocol sees it. */
export interface BucketLocation {
  /** The bucket itself, which is what a listing asks for. Ends with a slash. */
  readonly bucket: URL;
  /** What every key begins with, percent-decoded: `""`, or a folder with its slash. */
  readonly keyPrefix: string;
  /** For signatures, as far as the host tells it. */
  readonly region: string;
}

/** The region that signatures name where a host has none; servers of one's own mostly do not look at it. */
const DEFAULT_REGION = "us-east-1";

/** Hosts whose form tells bucket and region. Group `bucket` is there when the host names one. */
const PROVIDERS: readonly RegExp[] = [
  /^(?<bucket>.+\.)?(?<region>[a-z0-9]+)\.digitaloceanspaces\.com$/,
  /^(?<bucket>.+\.)?s3(-fips)?(\.dualstack)?([.-](?!accelerate)(?<region>[a-z0-9-]+))?\.amazonaws\.com(\.cn)?$/,
  /^(?<bucket>.+\.)?s3-accelerate(\.dualstack)?\.amazonaws\.com$/,
  // An account's host, also in a jurisdiction ("eu", "fedramp"). R2 knows the region "auto" alone.
  /^(?<bucket>[^.]+\.)?[0-9a-f]{32}(\.[a-z]+)?\.r2\.cloudflarestorage\.com$/,
  /^(?<bucket>.+\.)?s3\.(?<region>[a-z0-9-]+)\.backblazeb2\.com$/,
  /^(?<bucket>.+\.)?s3(\.(?<region>[a-z0-9-]+))?\.wasabisys\.com$/,
];

/**
 * Finds the bucket in `storage.baseUrl`. A host of a known provider tells by its form whether it names the bucket; any
 * other (MinIO, Ceph) is taken for one that does not, unless there is no path or `addressing` says so. A path after the
 * bucket is part of every key: in `https://phi-bucket.nyc3.digitaloceanspaces.com/phi-bucket`, which is how NCA names
 * its outputs, keys begin with `phi-bucket/`.
 */
export function parseBucketUrl(baseUrl: string, addressing: Addressing | null): BucketLocation {
  const base = withoutCdn(new URL(baseUrl));
  const found = PROVIDERS.map((form) => form.exec(base.hostname)).find((match) => match !== null);
  // Of the trailing slashes one joins the file name, as `locate` does; further ones are part of the key.
  const path = `${base.pathname.replace(/\/$/, "")}/`.slice(1);
  const style = addressing ?? (found?.groups?.bucket === undefined ? "path" : "virtual");
  const bucket = style === "path" ? (/^[^/]+\//.exec(path)?.[0] ?? "") : "";
  return {
    bucket: new URL(`/${bucket}`, base),
    // An escape that is none is left as it is: the server will say what it thinks of it.
    keyPrefix: safeDecode(path.slice(bucket.length)) ?? path.slice(bucket.length),
    region: regionOf(base.hostname, found),
  };
}

function regionOf(hostname: string, host: RegExpExecArray | undefined): string {
  if (hostname.endsWith(".r2.cloudflarestorage.com")) return "auto";
  return host?.groups?.region ?? DEFAULT_REGION;
}

/** Percent-decoded; null where that is not possible. */
export function safeDecode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
