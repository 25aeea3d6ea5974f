import { header, isHttp, type ResponseHead } from "../http/response.ts";
import type { Final } from "../http/retry.ts";
import { type ProbeOutcome, unknown } from "./classify-response.ts";

const MAX_REDIRECTS = 3;

/** Hosts of one storage provider: between them a redirect is the provider sending us to the right region. */
const PROVIDERS = [
  /\.digitaloceanspaces\.com$/,
  // Only S3: under amazonaws.com anyone may run a server (EC2, load balancers).
  /(^|\.)s3([.-][a-z0-9-]+)*\.amazonaws\.com$/,
  /\.r2\.cloudflarestorage\.com$/,
  /\.backblazeb2\.com$/,
  /\.wasabisys\.com$/,
];

/**
 * Where a redirect leads, or what it says when it is not to be followed: past three of them, out of the host or its
 * provider, or from https to http. `followed` counts the redirects that were followed before.
 */
export function follow(
  from: URL,
  answer: ResponseHead,
  followed: number,
): { kind: "hop"; to: URL } | Final<ProbeOutcome> {
  const detail = `HTTP ${answer.status}`;
  const location = header(answer, "location");
  if (location === null) return unknown("redirected", `${detail} without a location${region(answer)}`);
  if (!URL.canParse(location, from.href)) return unknown("redirected", `${detail} to an unreadable location`);
  const to = withoutCdn(new URL(location, from.href));
  // Only the host is told: a location may carry signatures and passwords.
  if (!isHttp(to)) return unknown("redirected", `${detail} to a URL that is not http or https`);
  if (followed >= MAX_REDIRECTS) return unknown("redirected", `${detail} after ${followed} redirects, to ${to.host}`);
  if (from.protocol === "https:" && to.protocol === "http:") {
    return unknown("redirected", `${detail} to ${to.host} without TLS`);
  }
  return isSamePlace(from, to) ? { kind: "hop", to } : unknown("redirected", `${detail} to ${to.host}`);
}

/** A CDN host caches a 404 for minutes, its bucket's own host does not: Spaces names it without `cdn`. */
export function withoutCdn(url: URL): URL {
  const origin = new URL(url);
  origin.hostname = url.hostname.replace(/^(.+)\.cdn\.digitaloceanspaces\.com$/, "$1.digitaloceanspaces.com");
  return origin;
}

function isSamePlace(from: URL, to: URL): boolean {
  if (from.hostname === to.hostname) return from.port === to.port;
  return to.port === "" && PROVIDERS.some((p) => p.test(from.hostname) && p.test(to.hostname));
}

/** S3 answers a wrong region with a 301 that has no location but names the region. */
function region(answer: ResponseHead): string {
  const name = header(answer, "x-amz-bucket-region") ?? "";
  return /^[a-z0-9-]{1,40}$/i.test(name) ? `, x-amz-bucket-region ${name}` : "";
}
