import { describe, expect, it } from "vitest";
import { createOwnerLimiter } from "../../../src/stores/airtable/identity.ts";
import type { AcquireSlot } from "../../../src/stores/airtable/rate-limit.ts";

const signal = new AbortController().signal;

/** Limiters by user, which count what they grant. */
function countingLimiters() {
  const granted = new Map<string, number>();
  const limiterOf = (user: string | null): AcquireSlot => {
    return async () => {
      granted.set(String(user), (granted.get(String(user)) ?? 0) + 1);
      return { sent: () => undefined, done: () => undefined };
    };
  };
  return { granted, limiterOf };
}

describe("the limiter of a token", () => {
  it("is that of its user, whatever the token", async () => {
    const { granted, limiterOf } = countingLimiters();
    const users = ["usrOne", "usrOne", "usrTwo", null];
    const limiters = users.map((user) => createOwnerLimiter(async () => user, limiterOf));
    for (const limiter of limiters) await limiter(signal);
    expect([...granted]).toEqual([
      ["usrOne", 2],
      ["usrTwo", 1],
      ["null", 1],
    ]);
  });

  it("asks once for the user, and again only where there was no answer", async () => {
    let asked = 0;
    const { granted, limiterOf } = countingLimiters();
    const limiter = createOwnerLimiter(async () => {
      asked += 1;
      if (asked === 1) throw new Error("cut off");
      return "usrOne";
    }, limiterOf);
    await expect(limiter(signal)).rejects.toThrow("cut off");
    await Promise.all([limiter(signal), limiter(signal), limiter(signal)]);
    expect([asked, granted.get("usrOne")]).toEqual([2, 3]);
  });
});
