import { describe, expect, it } from "vitest";
import { createPipeline, forEachConcurrent } from "../../../src/core/sweep/concurrency.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("forEachConcurrent", () => {
  it("has no more tasks under way than its width, and completes all", async () => {
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

  it("awaits what is under way after an error, and starts nothing more", async () => {
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

describe("a pipeline", () => {
  it("starts the next task when the one before is nearly done, and never a third", async () => {
    const pipeline = createPipeline();
    const events: string[] = [];
    const work = (name: string, after: number) => (startNext: () => void) =>
      (async () => {
        events.push(`${name} begins`);
        startNext();
        for (let n = 0; n < after; n += 1) await turn();
        events.push(`${name} ends`);
      })();
    await pipeline.begin(work("a", 3));
    await pipeline.begin(work("b", 1));
    await pipeline.begin(work("c", 1));
    await pipeline.done();
    expect(events.indexOf("b begins")).toBeLessThan(events.indexOf("a ends"));
    expect(events.indexOf("c begins")).toBeGreaterThan(events.indexOf("a ends"));
    expect(events.filter((each) => each.endsWith("ends"))).toHaveLength(3);
  });

  it("throws the first error when nothing is under way any more", async () => {
    const pipeline = createPipeline();
    let ended = false;
    await pipeline.begin(async (startNext) => {
      startNext();
      await turn();
      throw new Error("refused");
    });
    const second = pipeline.begin(async (startNext) => {
      startNext();
      for (let n = 0; n < 4; n += 1) await turn();
      ended = true;
    });
    await expect(second).rejects.toThrow("refused");
    expect(ended).toBe(true);
    await expect(pipeline.begin(async () => undefined)).rejects.toThrow("refused");
  });
});
