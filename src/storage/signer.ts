import { AwsV4Signer } from "aws4fetch";
import type { Clock } from "../core/ports/ports.ts";
import { type BucketLocation, safeDecode } from "./bucket-url.ts";

/** An access key of the storage. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken: string | null;
  /** Null: as the form of the host says. */
  readonly region: string | null;
}

/** Signs with AWS Signature Version 4, which every S3 speaks. */
export interface Signer {
  /** Returns the request's URL, in the spelling that was signed, and the headers to send with it. */
  request(method: "HEAD" | "GET", url: URL): Promise<{ url: URL; headers: Record<string, string> }>;
  /** Returns a URL that lets whoever has it GET the object for `ttl` ms. */
  presign(url: URL, ttl: number): Promise<string>;
}

export function createSigner(credentials: Credentials, location: BucketLocation, clock: Clock): Signer {
  const region = credentials.region ?? location.region;
  // Keys derived for the day, which the library keeps here.
  const cache = new Map<string, ArrayBuffer>();

  async function sign(method: "HEAD" | "GET", url: URL, signQuery: boolean) {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const signer = new AwsV4Signer({
      method,
      url: url.href,
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === null ? {} : { sessionToken }),
      service: "s3",
      region,
      cache,
      datetime: new Date(clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ""),
      signQuery,
    });
    return await signer.sign();
  }

  return {
    async request(method, url) {
      const signed = await sign(method, canonicalUrl(url), false);
      return { url: signed.url, headers: Object.fromEntries(signed.headers) };
    },
    async presign(url, ttl) {
      const asked = canonicalUrl(url);
      asked.searchParams.set("X-Amz-Expires", String(Math.floor(ttl / 1000)));
      return (await sign("GET", asked, true)).url.href;
    },
  };
}

/**
 * Returns the URL with its path encoded as SigV4 requires, so that what is sent is what was signed: gateways differ in
 * how they read `%2F`, or an unescaped `+`, `'` and `(`. A key with a part `.` or `..` is left alone, as a URL would lose
 * that part.
 */
function canonicalUrl(url: URL): URL {
  const spelled = new URL(url);
  const parts = safeDecode(url.pathname)?.split("/") ?? [];
  if (parts.length === 0 || parts.includes(".") || parts.includes("..")) return spelled;
  spelled.pathname = parts.map((part) => encodeURIComponent(part).replace(/[!'()*]/g, percentEncoded)).join("/");
  return spelled;
}

function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
