import { expect, it } from "vitest";
import { toSummary } from "../../../src/core/domain/job.ts";
import { NOTHING_REPORTED } from "../../../src/core/domain/response-payload.ts";
import type { SweepItem } from "../../../src/core/sweep/item.ts";
import { ProbeQueue } from "../../../src/core/sweep/probe-queue.ts";
import { Random } from "../../sim/random.ts";
import { job } from "../../support/builders.ts";

function itemOf(n: number): SweepItem {
  const about = {
    operation: "combine",
    age: n,
    version: null,
    reopened: false,
    reported: NOTHING_REPORTED,
    candidate: null,
    verdict: null,
    target: null,
  };
  return { job: toSummary(job({ id: `rec${n}` })), ...about };
}

/** What each of many runs comes to, where the time is enough for ten of a hundred. */
async function runsOf(count: number): Promise<readonly (readonly number[])[]> {
  const random = new Random(1);
  const runs: number[][] = [];
  for (let run = 0; run < count; run += 1) {
    const queue = new ProbeQueue(random.next);
    queue.add(Array.from({ length: 100 }, (_, n) => itemOf(n)));
    const drawn: number[] = [];
    while (drawn.length < 10) drawn.push((await queue.next())?.age ?? -1);
    runs.push(drawn);
  }
  return runs;
}

it("the probe queue does not let old jobs that stay unknown starve the others", async () => {
  const drawn = new Set((await runsOf(200)).flat());
  expect(drawn.size).toBe(100);
});

it("the probe queue takes the oldest first, and a random one in between", async () => {
  for (const drawn of await runsOf(20)) expect(drawn.filter((_, n) => n % 2 === 0).slice(0, 2)).toContain(99);
});
