import type { ResponseHead } from "../http/response.ts";

/**
 * Returns whether a cache on the way kept the answer from earlier, by Age or by a header in which caches say what they
 * did (X-Cache, X-Cache-Status, CF-Cache-Status, CDN-Cache, and Cache-Status of RFC 9211). A CDN keeps a 404 for
 * minutes: it then says nothing of now. A miss is a plain answer.
 */
export function isFromCache(answer: ResponseHead): boolean {
  // Each cache on the way may have added its own.
  const ages = [answer.headers.age ?? []].flat().flatMap((value) => value.split(","));
  if (ages.some((age) => Number(age) !== 0)) return true;
  return Object.entries(answer.headers).some(([name, value]) =>
    [value ?? []].flat().some((each) => reportsHit(name, each.toLowerCase())),
  );
}

function reportsHit(name: string, value: string): boolean {
  // Akamai and Fastly say it among other measurements, some caches as a number of hits.
  if (name === "server-timing") return /cache[^,]*;\s*desc="?hit/.test(value);
  if (/cache.*hits$/.test(name)) return value.split(",").some((hits) => Number(hits) > 0);
  // What a cache may do is not what it did; its lookup may have found what it then asked for again.
  if (!name.includes("cache") || /control|tag|key|lookup/.test(name)) return false;
  if (name !== "cache-status")
    return value.split(/[^a-z]+/).some((word) => ["hit", "stale", "updating"].includes(word));
  // A list of caches, each with parameters; `fwd=stale` asked the server.
  return value.split(/[,;]/).some((parameter) => /^\s*hit\s*(=\s*\?1\s*)?$/.test(parameter));
}
