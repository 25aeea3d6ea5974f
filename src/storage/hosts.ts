/** What the host of a known storage provider says by its form. */
export interface StorageHost {
  readonly provider: "spaces" | "s3" | "r2" | "b2" | "wasabi";
  /** The bucket's name where the host holds it, else null. */
  readonly bucket: string | null;
  /** The host without the bucket. */
  readonly endpoint: string;
  readonly region: string | null;
}

const FORMS: readonly (readonly [StorageHost["provider"], RegExp])[] = [
  ["spaces", /^(?<bucket>.+\.)?(?<region>[a-z0-9]+)\.digitaloceanspaces\.com$/],
  ["s3", /^(?<bucket>.+\.)?s3(-fips)?(\.dualstack)?([.-](?!accelerate)(?<region>[a-z0-9-]+))?\.amazonaws\.com(\.cn)?$/],
  ["s3", /^(?<bucket>.+\.)?s3-accelerate(\.dualstack)?\.amazonaws\.com$/],
  // An account's host, also in a jurisdiction ("eu", "fedramp").
  ["r2", /^(?<bucket>[^.]+\.)?[0-9a-f]{32}(\.[a-z]+)?\.r2\.cloudflarestorage\.com$/],
  ["b2", /^(?<bucket>.+\.)?s3\.(?<region>[a-z0-9-]+)\.backblazeb2\.com$/],
  ["wasabi", /^(?<bucket>.+\.)?s3(\.(?<region>[a-z0-9-]+))?\.wasabisys\.com$/],
];

/** The longest name of a host in DNS. A longer one, which a redirect may hold, is nobody's. */
const MAX_HOST_LENGTH = 253;

/** Parses the host of a known storage provider; null for all others. */
export function parseStorageHost(hostname: string): StorageHost | null {
  if (hostname.length > MAX_HOST_LENGTH) return null;
  for (const [provider, form] of FORMS) {
    const match = form.exec(hostname);
    if (match === null) continue;
    const bucket = match.groups?.bucket ?? "";
    return {
      provider,
      bucket: bucket === "" ? null : bucket.slice(0, -1),
      endpoint: hostname.slice(bucket.length),
      // R2 knows the region "auto" alone.
      region: provider === "r2" ? "auto" : (match.groups?.region ?? null),
    };
  }
  return null;
}

const CDN = /^(.+)\.cdn\.digitaloceanspaces\.com$/;

/** Returns the URL at the bucket's own host where it names the CDN of Spaces, which caches a 404 for minutes. */
export function withoutCdn(url: URL): URL {
  const { hostname } = url;
  if (hostname.length > MAX_HOST_LENGTH || !CDN.test(hostname)) return url;
  const origin = new URL(url);
  origin.hostname = hostname.replace(CDN, "$1.digitaloceanspaces.com");
  return origin;
}
