/** Airtable's limit for a base: the requests in any second, and how long all are refused when it is exceeded. */
export interface RateLimit {
  readonly perSecond: number;
  readonly penaltyMs: number;
}

/** 5 a second, then 30 seconds of 429 (Airtable's API docs, rate limits). */
export const AIRTABLE_LIMIT: RateLimit = { perSecond: 5, penaltyMs: 30_000 };

/** Returns a function that says of each request, by its time, whether it is allowed. */
export function createRateLimiter({ perSecond, penaltyMs }: RateLimit): (now: number) => boolean {
  let recent: number[] = [];
  let closedUntil = Number.NEGATIVE_INFINITY;
  return (now) => {
    if (now < closedUntil) return false;
    recent = recent.filter((at) => now - at < 1000);
    if (recent.length >= perSecond) {
      closedUntil = now + penaltyMs;
      return false;
    }
    recent.push(now);
    return true;
  };
}
