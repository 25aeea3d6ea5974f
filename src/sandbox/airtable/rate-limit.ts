/** Airtable's limit for a base: so many requests in any second, and past it a time in which all are refused. */
export interface RateLimit {
  readonly perSecond: number;
  readonly penaltyMs: number;
}

/** 5 a second, then 30 seconds of 429 (Airtable's API docs, rate limits). */
export const AIRTABLE_LIMIT: RateLimit = { perSecond: 5, penaltyMs: 30_000 };

/** Tells of each request, by its moment, whether it is let through. */
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
