import { describe, expect, it } from "vitest";
import { createPipeline, forEachConcurrent } from "../../../src/core/sweep/concurrency.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("overlapping work", () => {
  it("has no more under way than its width, and does all of it", async () => {
    let [underWay, most] = [0, 0];
    const done: number[] = [];
    await forEachConcurrent([0, 1, 2, 3, 4, 5, 6], 3, async (item) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await turn();
      underWay -= 1;
      done.push(item);
    });
    expect([most, done]).toEqual([3, [0, 1, 2, 3, 4, 5, 6]]);
  });

  it("sees what is under way to its end after a failure, and begins nothing more", async () => {
    const done: number[] = [];
    const work = forEachConcurrent([0, 1, 2, 3, 4], 2, async (item) => {
      if (item === 0) throw new Error("refused");
      await turn();
      await turn();
      done.push(item);
    });
    await expect(work).rejects.toThrow("refused");
    expect(done).toEqual([1]);
  });
});

describe("a relay", () => {
  it("begins the next when the one before is nearly done, and never a third", async () => {
    const relay = createPipeline();
    const told: string[] = [];
    const work = (name: string, after: number) => (nearlyDone: () => void) =>
      (async () => {
        told.push(`${name} begins`);
        nearlyDone();
        for (let n = 0; n < after; n += 1) await turn();
        told.push(`${name} ends`);
      })();
    await relay.begin(work("a", 3));
    await relay.begin(work("b", 1));
    await relay.begin(work("c", 1));
    await relay.done();
    expect(told.indexOf("b begins")).toBeLessThan(told.indexOf("a ends"));
    expect(told.indexOf("c begins")).toBeGreaterThan(told.indexOf("a ends"));
    expect(told.filter((each) => each.endsWith("ends"))).toHaveLength(3);
  });

  it("throws what failed when nothing is under way any more", async () => {
    const relay = createPipeline();
    let ended = false;
    await relay.begin(async (nearlyDone) => {
      nearlyDone();
      await turn();
      throw new Error("refused");
    });
    const second = relay.begin(async (nearlyDone) => {
      nearlyDone();
      for (let n = 0; n < 4; n += 1) await turn();
      ended = true;
    });
    await expect(second).rejects.toThrow("refused");
    expect(ended).toBe(true);
    await expect(relay.begin(async () => undefined)).rejects.toThrow("refused");
  });
});
