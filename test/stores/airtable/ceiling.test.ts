import { expect, it } from "vitest";
import { createTokenLimiter } from "../../../src/stores/airtable/ceiling.ts";
import { createRateLimiter } from "../../../src/stores/airtable/rate-limit.ts";
import { SimClock } from "../../sim/clock.ts";
import { NOW } from "../../support/builders.ts";

interface Arrival {
  readonly base: number;
  readonly at: number;
}

/** Bases that all want to send `each` requests at 5 a second, but the first, which wants ten times as many. */
async function arrivals(bases: number, each: number): Promise<readonly Arrival[]> {
  const clock = new SimClock(NOW);
  const ceiling = createTokenLimiter(clock.seenBy(0));
  const { signal } = new AbortController();
  const reached: Arrival[] = [];
  let wanted = 0;
  for (let base = 0; base < bases; base += 1) {
    const turn = createRateLimiter(5, clock.seenBy(0), ceiling);
    for (let n = 0; n < (base === 0 ? 10 * each : each); n += 1) {
      wanted += 1;
      turn(signal).then(async (departure) => {
        departure.sent();
        await clock.sleep(40);
        reached.push({ base, at: clock.now() - NOW });
        await clock.sleep(40);
        departure.done();
      });
    }
  }
  await clock.run(() => reached.length === wanted);
  return reached;
}

function mostInASecond(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at - from < 1000).length));
}

it("bases of one token send no more than forty requests in any second together, and nearly so many", async () => {
  const all = await arrivals(30, 20);
  expect(mostInASecond(all.map(({ at }) => at))).toBe(40);
  const othersDone = Math.max(...all.filter(({ base }) => base !== 0).map(({ at }) => at));
  const sent = all.filter(({ at }) => at <= othersDone).length;
  expect((sent / othersDone) * 1000).toBeGreaterThan(37.5);
});

it("a base that wants more than the others gets no more than they while they wait", async () => {
  const all = await arrivals(30, 20);
  const soFar = all.filter(({ at }) => at < 8_000);
  const counts = Array.from({ length: 30 }, (_, n) => soFar.filter(({ base }) => base === n).length);
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
});

it("bases that together stay below it wait for nothing but their own pace", async () => {
  const all = await arrivals(8, 10);
  const ofOthers = all.filter(({ base }) => base === 3).map(({ at }) => at);
  expect(ofOthers).toHaveLength(10);
  expect(Math.max(...ofOthers)).toBeLessThan(2_000);
  expect(mostInASecond(ofOthers)).toBe(5);
});
