import { describe, expect, it } from "vitest";
import { type Interval, type RunStatus, runAtInterval } from "../../../src/cli/run/interval-loop.ts";

const START = Date.UTC(2026, 0, 2);
const [SECOND, MINUTE] = [1_000, 60_000];

interface Story {
  readonly rhythm?: Partial<Interval>;
  readonly random?: () => number;
  /** How long each run takes, and how it ends. The watch is ended when there is no further one. */
  readonly runs: readonly (readonly [duration: number, ending?: RunStatus])[];
  /** What the clock is set forward by after each wait. */
  readonly jumps?: readonly number[];
}

/** Returns when the runs began, in seconds from the start, and the waits while backing off. */
async function watched({ rhythm, random = () => 0.5, runs, jumps = [] }: Story) {
  let now = START;
  const begun: number[] = [];
  const backedOff: number[] = [];
  const stop = new AbortController();
  let waits = 0;
  const clock = {
    now: () => now,
    async sleep(ms: number, signal?: AbortSignal) {
      signal?.throwIfAborted();
      expect(ms).toBeGreaterThanOrEqual(0);
      now += ms + (jumps[waits] ?? 0);
      waits += 1;
    },
  };
  await runAtInterval(
    { every: 2 * MINUTE, jitter: 0, ...rhythm },
    { clock, random, signal: stop.signal, backingOff: (wait) => backedOff.push(wait / SECOND) },
    async () => {
      const [duration = 0, ending = "ok"] = runs[begun.length] ?? [];
      begun.push((now - START) / SECOND);
      now += duration;
      if (begun.length === runs.length) stop.abort();
      return ending;
    },
  );
  return { begun, backedOff };
}

describe("runs at an interval", () => {
  it("begins at once, and then by the clock, however long the runs take", async () => {
    const { begun } = await watched({ runs: [[3_000], [50_000], [119_999], [0], [1]] });
    expect(begun).toEqual([0, 120, 240, 360, 480]);
  });
  it("leaves out beginnings that a long run has missed, and keeps the rhythm", async () => {
    const { begun } = await watched({ runs: [[0], [250 * SECOND], [120 * SECOND], [0]] });
    expect(begun).toEqual([0, 120, 480, 720]);
  });
  it("delays each run but the first by the jitter, which does not add up", async () => {
    const draws = [0, 1, 0.5, 0];
    const { begun } = await watched({
      rhythm: { jitter: 15 * SECOND },
      random: () => draws.shift() ?? 0,
      runs: [[0], [0], [0], [0], [0]],
    });
    expect(begun).toEqual([0, 120, 255, 367.5, 480]);
  });
  it("in trouble doubles the interval up to ten times, and is back at once when it went well", async () => {
    const trouble = [1_000, "failed"] as const;
    const { begun, backedOff } = await watched({
      runs: [trouble, trouble, trouble, trouble, trouble, [1_000], [1_000], trouble, [0]],
    });
    const every = 120;
    expect(begun.map((at, n) => (at - (begun[n - 1] ?? at)) / every)).toEqual([0, 2, 4, 8, 10, 10, 1, 1, 2]);
    expect(backedOff).toEqual([239, 479, 959, 1199, 1199, 239]);
  });
  it("that was skipped neither ends the backing off nor adds to it", async () => {
    const { begun } = await watched({ runs: [[0, "failed"], [0, "skipped"], [0, "failed"], [0]] });
    expect(begun).toEqual([0, 240, 480, 960]);
  });
  it("waits no longer than usual when the clock is set back", async () => {
    const { begun } = await watched({ runs: [[0], [0], [0], [0]], jumps: [-3600 * SECOND, 0, 0] });
    expect(begun.map((at, n) => at - (begun[n - 1] ?? at))).toEqual([0, 120 - 3600, 120, 120]);
  });
  it("does not make up for what it missed when the clock is set forward or the machine slept", async () => {
    const { begun } = await watched({ runs: [[0], [0], [0]], jumps: [3600 * SECOND] });
    expect(begun).toEqual([0, 3720, 3840]);
  });
  it("ends while it waits", async () => {
    const stop = new AbortController();
    let runs = 0;
    const clock = {
      now: () => START,
      async sleep() {
        stop.abort(new Error("stopped"));
        throw stop.signal.reason;
      },
    };
    const pacing = { clock, random: () => 0, signal: stop.signal, backingOff() {} };
    await runAtInterval({ every: MINUTE, jitter: 0 }, pacing, async () => {
      runs += 1;
      return "ok";
    });
    expect(runs).toBe(1);
  });
  it("does not hide what goes wrong in a run", async () => {
    const pacing = {
      clock: { now: () => START, async sleep() {} },
      random: () => 0,
      signal: new AbortController().signal,
      backingOff() {},
    };
    const broken = runAtInterval({ every: MINUTE, jitter: 0 }, pacing, async () => {
      throw new Error("a fault");
    });
    await expect(broken).rejects.toThrow("a fault");
  });
});
