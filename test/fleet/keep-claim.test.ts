import { describe, expect, it } from "vitest";
import { UpstreamError } from "../../src/core/ports/errors.ts";
import { keepClaim } from "../../src/fleet/keep-claim.ts";
import { SimClock } from "../sim/clock.ts";

const HELD = { id: "11111111-1111-5111-8111-111111111111", attempt: 0 };
const TIMES = { schema: "stuck_jobs", heartbeat: 10_000, deadline: 90_000, since: 0 };

/** A claim whose heartbeats are answered by `touch`, of a sweep that the queue was asked for `late` ms before. */
function claimWith(touch: () => Promise<boolean>, late = 0) {
  const clock = new SimClock(late);
  let sent = 0;
  const queue = {
    touch: async () => {
      sent += 1;
      return await touch();
    },
  };
  let stopped = 0;
  const claim = keepClaim(queue, HELD, TIMES, clock, () => clock.now() + stopped);
  return {
    claim,
    sent: () => sent,
    /** Moves the clock on while the process runs. */
    async pass(ms: number) {
      const until = clock.now() + ms;
      clock.after(ms, () => undefined);
      await clock.run(() => clock.now() >= until);
    },
    /** Moves the clock on while the process is stopped. */
    stopFor(ms: number) {
      stopped += ms;
    },
  };
}

describe("a claim on a base", () => {
  it("is kept by heartbeats for as long as the sweep may take", async () => {
    const { claim, pass, sent } = claimWith(async () => true);
    await pass(60_000);
    expect(() => claim.check()).not.toThrow();
    expect([claim.loss(), sent() >= 20]).toEqual([null, true]);
    await pass(30_000);
    expect(() => claim.check()).toThrow(UpstreamError);
  });

  it("is lost before the next write where the process was stopped for longer than the heartbeat", () => {
    const { claim, stopFor } = claimWith(async () => true);
    stopFor(9_500);
    expect(() => claim.check()).toThrow("another host may sweep this base now");
    expect([claim.loss(), claim.signal.aborted]).toEqual(["silent", true]);
  });

  it("counts from before the queue was asked, however late its answer came", async () => {
    const { claim, pass } = claimWith(async () => true, 8_000);
    expect(() => claim.check()).not.toThrow();
    await pass(1_500);
    expect(() => claim.check()).toThrow(UpstreamError);
  });

  it("is lost where the database is silent for the heartbeat, and not by one failure", async () => {
    let down = true;
    const { claim, pass } = claimWith(async () => {
      if (down) throw new UpstreamError("unavailable", "away");
      return true;
    });
    await pass(5_000);
    expect(claim.loss()).toBeNull();
    down = false;
    await pass(5_000);
    expect(() => claim.check()).not.toThrow();
    down = true;
    await pass(12_000);
    expect(claim.loss()).toBe("silent");
  });

  it("is lost at once where the queue has given the attempt to another host", async () => {
    const { claim, pass } = claimWith(async () => false);
    await pass(3_000);
    expect(claim.loss()).toBe("taken-over");
    expect(() => claim.check()).toThrow("nothing more is written");
  });

  it("is not kept any more once it is stopped", async () => {
    const { claim, pass, sent } = claimWith(async () => true);
    claim.stop();
    await pass(20_000);
    expect(sent()).toBe(0);
  });
});
