import { expect, it } from "vitest";
import { isFromCache } from "../../src/storage/cache-headers.ts";

function fromCache(headers: Record<string, string | readonly string[]>): boolean {
  return isFromCache({ kind: "answer", status: 404, headers });
}

it.each<Record<string, string | readonly string[]>>([
  { age: "1" },
  { age: "soon" },
  { age: "0, 30" },
  { age: ["0", "30"] },
  { "x-cache": "HIT" },
  { "x-cache": "Hit from cloudfront" },
  { "x-cache": "MISS, HIT" },
  { "x-cache": ["MISS", "HIT"] },
  { "x-cache": "TCP_HIT from a1.deploy.akamaitechnologies.com" },
  { "x-cache": "HIT-FRESH" },
  { "x-cache-status": "HIT" },
  { "x-cache-status": "STALE" },
  { "x-cache-status": "UPDATING" },
  { "x-proxy-cache": "HIT" },
  { "cf-cache-status": "HIT" },
  { "cf-cache-status": "STALE" },
  { "cdn-cache": "HIT" },
  { "x-vercel-cache": "STALE" },
  { "x-cache-hits": "0, 2" },
  { "server-timing": "edge;dur=1, cdn-cache;desc=HIT" },
  { "cache-status": "ExampleCache; hit" },
  { "cache-status": "ExampleCache;hit;ttl=376" },
  { "cache-status": "Origin; fwd=uri-miss, Edge; hit; ttl=-412" },
  { "cache-status": '"a cache"; hit=?1' },
])("an answer with %j was kept by a cache", (headers) => {
  expect(fromCache(headers)).toBe(true);
});

it.each<Record<string, string | readonly string[]>>([
  {},
  { age: "0" },
  { "x-cache": "MISS" },
  { "x-cache": "Miss from cloudfront" },
  { "x-cache": "RefreshHit from cloudfront" },
  { "x-cache": "MISS from white-proxy.example" },
  { "x-cache": "MISS", "x-cache-lookup": "HIT from squid:3128" },
  { "x-cache-status": "BYPASS" },
  { "x-cache-status": "EXPIRED" },
  { "x-cache-status": "REVALIDATED" },
  { "cf-cache-status": "DYNAMIC" },
  { "x-cache-hits": "0, 0" },
  { "server-timing": "cdn-cache; desc=MISS, edge; dur=3" },
  { "cdn-cache": "MISS" },
  { "cache-status": "ExampleCache; fwd=uri-miss; stored" },
  { "cache-status": "ExampleCache; fwd=stale; fwd-status=404" },
  { "cache-status": "hit-cache-1; fwd=miss" },
  { "cache-control": "max-age=60, stale-while-revalidate=30" },
  { "cdn-cache-control": "stale-if-error" },
  { "x-cache-key": "/hit/a.mp4" },
  { "cache-tag": "hit" },
])("an answer with %j came from the server", (headers) => {
  expect(fromCache(headers)).toBe(false);
});
