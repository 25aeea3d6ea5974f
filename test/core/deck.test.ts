import { expect, it } from "vitest";
import { Deck } from "../../src/core/deck.ts";
import type { Case } from "../../src/core/run.ts";
import { Random } from "../sim/random.ts";

function caseOf(n: number): Case {
  return {
    job: {
      id: `rec${n}`,
      externalId: `x${n}`,
      type: "combine",
      status: "processing",
      since: { kind: "at", at: 0 },
    },
    facts: null,
    operation: "combine",
    age: n,
    late: false,
    candidate: null,
    looks: [],
    consultation: null,
    probedAt: null,
    verdict: null,
    target: null,
    applied: false,
    error: null,
  };
}

/** What each of many runs comes to, where the time is enough for ten of a hundred. */
async function runsOf(count: number): Promise<readonly (readonly number[])[]> {
  const random = new Random(1);
  const runs: number[][] = [];
  for (let run = 0; run < count; run += 1) {
    const deck = new Deck(random.next);
    deck.put(Array.from({ length: 100 }, (_, n) => caseOf(n)));
    const drawn: number[] = [];
    while (drawn.length < 10) drawn.push((await deck.take())?.age ?? -1);
    runs.push(drawn);
  }
  return runs;
}

it("jobs that stay unknown run after run do not starve the others, however old they are", async () => {
  const drawn = new Set((await runsOf(200)).flat());
  expect(drawn.size).toBe(100);
});

it("the oldest come first all the same", async () => {
  for (const drawn of await runsOf(20)) expect(drawn.filter((_, n) => n % 2 === 0).slice(0, 2)).toContain(99);
});
