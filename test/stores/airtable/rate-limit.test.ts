import { describe, expect, it } from "vitest";
import { createRateLimiter, createTokenLimiter } from "../../../src/stores/airtable/rate-limit.ts";
import { SimClock } from "../../sim/clock.ts";
import { NOW } from "../../support/builders.ts";

/** How long a request takes: until it leaves the process, to the server, and until its answer is here. */
interface Journey {
  readonly leaving: number;
  readonly there: number;
  readonly back: number;
}

const FIXED: Journey = { leaving: 0, there: 40, back: 40 };

/** Sends `count` requests as soon as each has its slot, and returns when each reached the server. */
async function arrivals(perSecond: number, count: number, journey: (n: number) => Journey): Promise<readonly number[]> {
  const clock = new SimClock(NOW);
  const acquireSlot = createRateLimiter(perSecond, clock.seenBy(0));
  const { signal } = new AbortController();
  const reached: number[] = [];
  let answered = 0;
  for (let n = 0; n < count; n += 1) {
    const { leaving, there, back } = journey(n);
    acquireSlot(signal).then(async (slot) => {
      await clock.sleep(leaving);
      slot.sent();
      await clock.sleep(there);
      reached.push(clock.now() - NOW);
      await clock.sleep(back);
      slot.done();
      answered += 1;
    });
  }
  await clock.run(() => answered === count);
  return reached.sort((a, b) => a - b);
}

describe("the rate limiter of a token", () => {
  it("is divided by the hosts that do not know of each other", async () => {
    const clock = new SimClock(NOW);
    const acquireSlot = createTokenLimiter(clock.seenBy(0), 4);
    const { signal } = new AbortController();
    const sent: number[] = [];
    for (let n = 0; n < 40; n += 1) {
      acquireSlot(signal).then((slot) => {
        sent.push(clock.now() - NOW);
        slot.sent();
        slot.done();
      });
    }
    await clock.run(() => sent.length === 40);
    expect(mostInASecond(sent)).toBe(10);
  });
});

/** The most that reached the server within any second. */
function mostInASecond(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at - from < 1000).length));
}

describe("the rate limiter of a base", () => {
  it("lets no more than five requests arrive at the server in any second", async () => {
    expect(mostInASecond(await arrivals(5, 60, () => FIXED))).toBe(5);
  });

  it("reaches its rate within 5 %", async () => {
    for (const rate of [0.5, 2, 4, 4.5, 5]) {
      const times = await arrivals(rate, 60, () => FIXED);
      const took = (times.at(-1) ?? 0) - (times[0] ?? 0);
      expect([rate, took < (60 / rate) * 1000 * 1.05]).toEqual([rate, true]);
      expect([rate, mostInASecond(times) <= Math.ceil(rate)]).toEqual([rate, true]);
    }
  });

  it("counts a request that a handshake delayed from when it left", async () => {
    expect(mostInASecond(await arrivals(5, 60, (n) => ({ ...FIXED, leaving: n < 3 ? 700 : 0 })))).toBe(5);
  });

  it("counts a request that was delayed on its way from when it may have arrived", async () => {
    expect(mostInASecond(await arrivals(5, 60, (n) => ({ ...FIXED, there: n % 5 === 0 ? 95 : 40 })))).toBe(5);
  });

  it("does not slow down for a server that takes half a second to answer", async () => {
    const times = await arrivals(5, 60, () => ({ leaving: 0, there: 20, back: 480 }));
    expect((times.at(-1) ?? 0) < 12_500).toBe(true);
  });

  it("continues when the clock is set back", async () => {
    const clock = new SimClock(NOW);
    let skew = 0;
    const acquireSlot = createRateLimiter(5, {
      now: () => clock.now() + skew,
      sleep: (ms, signal) => clock.sleep(ms, signal),
    });
    const { signal } = new AbortController();
    let granted = 0;
    for (let n = 0; n < 12; n += 1) {
      acquireSlot(signal).then((slot) => {
        slot.sent();
        slot.done();
        granted += 1;
        if (granted === 6) skew = -3_600_000;
      });
    }
    await clock.run(() => granted === 12);
    expect([granted, clock.now() - NOW < 5_000]).toEqual([12, true]);
  });

  it("gives the slot of an aborted request to the next", async () => {
    const clock = new SimClock(NOW);
    const acquireSlot = createRateLimiter(1, clock.seenBy(0));
    const [calledOff, others] = [new AbortController(), new AbortController()];
    const results: string[] = [];
    const ask = (name: string, { signal }: AbortController) =>
      acquireSlot(signal).then(
        (slot) => {
          slot.sent();
          slot.done();
          results.push(`${name} ${clock.now() - NOW}`);
        },
        (reason: unknown) => results.push(`${name} ${reason}`),
      );
    ask("first", others);
    ask("second", calledOff);
    ask("third", others);
    clock.after(100, () => calledOff.abort("called off"));
    await clock.run(() => results.length === 3);
    expect(results).toEqual(["first 0", "second called off", "third 1010"]);
  });
});

interface Arrival {
  readonly base: number;
  readonly at: number;
}

/** Bases that all want to send `each` requests at 5 a second, but the first, which wants ten times as many. */
async function arrivalsOfBases(bases: number, each: number): Promise<readonly Arrival[]> {
  const clock = new SimClock(NOW);
  const tokenLimiter = createTokenLimiter(clock.seenBy(0));
  const { signal } = new AbortController();
  const reached: Arrival[] = [];
  let wanted = 0;
  for (let base = 0; base < bases; base += 1) {
    const acquireSlot = createRateLimiter(5, clock.seenBy(0), tokenLimiter);
    for (let n = 0; n < (base === 0 ? 10 * each : each); n += 1) {
      wanted += 1;
      acquireSlot(signal).then(async (slot) => {
        slot.sent();
        await clock.sleep(40);
        reached.push({ base, at: clock.now() - NOW });
        await clock.sleep(40);
        slot.done();
      });
    }
  }
  await clock.run(() => reached.length === wanted);
  return reached;
}

it("bases of one token together send nearly forty requests in any second, and no more", async () => {
  const all = await arrivalsOfBases(30, 20);
  expect(mostInASecond(all.map(({ at }) => at))).toBe(40);
  const othersDone = Math.max(...all.filter(({ base }) => base !== 0).map(({ at }) => at));
  const sent = all.filter(({ at }) => at <= othersDone).length;
  expect((sent / othersDone) * 1000).toBeGreaterThan(37.5);
});

it("a base with more requests than the others gets no more slots than they while they wait", async () => {
  const all = await arrivalsOfBases(30, 20);
  const soFar = all.filter(({ at }) => at < 8_000);
  const counts = Array.from({ length: 30 }, (_, n) => soFar.filter(({ base }) => base === n).length);
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
});

it("bases that together stay below the limit of the token wait for their own limit only", async () => {
  const all = await arrivalsOfBases(8, 10);
  const ofOthers = all.filter(({ base }) => base === 3).map(({ at }) => at);
  expect(ofOthers).toHaveLength(10);
  expect(Math.max(...ofOthers)).toBeLessThan(2_000);
  expect(mostInASecond(ofOthers)).toBe(5);
});
