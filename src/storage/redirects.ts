import type { Failure } from "../http/errors.ts";
import { header, isHttp, isRedirect, type ResponseHead } from "../http/response.ts";
import type { Final } from "../http/retry.ts";
import { type ProbeOutcome, unknown } from "./classify-response.ts";
import { parseStorageHost, withoutCdn } from "./hosts.ts";

const MAX_REDIRECTS = 3;

/** An answer that is no redirect, and the URL that gave it after `followed` redirects. */
export interface Arrived<Reply> {
  readonly kind: "arrived";
  readonly reply: Reply;
  readonly at: URL;
  readonly followed: number;
}

/**
 * Sends a request to a URL and on along the redirects that it leads through. Returns a final outcome where a redirect is
 * not to be followed, and what `send` returns in place of an answer as it is.
 */
export async function sendAlong<Reply extends ResponseHead | Failure | Final<ProbeOutcome>>(
  url: URL,
  send: (at: URL, followed: number) => Promise<Reply>,
): Promise<Arrived<Reply> | Final<ProbeOutcome>> {
  let at = url;
  for (let followed = 0; ; followed += 1) {
    const reply = await send(at, followed);
    if (reply.kind !== "answer" || !isRedirect(reply)) return { kind: "arrived", reply, at, followed };
    const next = follow(at, reply, followed);
    if (next.kind === "final") return next;
    at = next.to;
  }
}

/**
 * Returns where a redirect leads, or an outcome where it is not to be followed: past three of them, out of the host or
 * its provider, or from https to http. `followed` counts the redirects that were followed before.
 */
export function follow(
  from: URL,
  answer: ResponseHead,
  followed: number,
): { kind: "hop"; to: URL } | Final<ProbeOutcome> {
  const detail = `HTTP ${answer.status}`;
  const location = header(answer, "location");
  if (location === null) return unknown("redirected", `${detail} without a location${bucketRegion(answer)}`);
  if (!URL.canParse(location, from.href)) return unknown("redirected", `${detail} to an unreadable location`);
  const to = withoutCdn(new URL(location, from.href));
  // Only the host is shown: a location may hold signatures and passwords.
  if (!isHttp(to)) return unknown("redirected", `${detail} to a URL that is not http or https`);
  if (followed >= MAX_REDIRECTS) return unknown("redirected", `${detail} after ${followed} redirects, to ${to.host}`);
  if (from.protocol === "https:" && to.protocol === "http:") {
    return unknown("redirected", `${detail} to ${to.host} without TLS`);
  }
  return isSameService(from, to)
    ? { kind: "hop", to }
    : unknown("redirected", `${detail} to ${to.host}${bucketRegion(answer)}`);
}

/** Domains of which every host is the provider's own: between them a redirect leads to the right region. */
const PROVIDER_DOMAINS = [".digitaloceanspaces.com", ".r2.cloudflarestorage.com", ".backblazeb2.com", ".wasabisys.com"];

function isSameService(from: URL, to: URL): boolean {
  if (from.hostname === to.hostname) return from.port === to.port;
  return to.port === "" && isSameProvider(from.hostname, to.hostname);
}

function isSameProvider(from: string, to: string): boolean {
  // Under amazonaws.com anyone may run a server (EC2, load balancers): there only the forms of S3 count.
  if (parseStorageHost(from)?.provider === "s3") return parseStorageHost(to)?.provider === "s3";
  return PROVIDER_DOMAINS.some((domain) => from.endsWith(domain) && to.endsWith(domain));
}

/** S3 answers a wrong region with a redirect that names the region; a 301 of it has no location. */
function bucketRegion(answer: ResponseHead): string {
  const name = header(answer, "x-amz-bucket-region") ?? "";
  return /^[a-z0-9-]{1,40}$/i.test(name) ? `, x-amz-bucket-region ${name}` : "";
}
