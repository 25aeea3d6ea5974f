import { expect, it } from "vitest";
import { usePostgres } from "../support/use-postgres.ts";
import { type RaceResult, race } from "./race.ts";

const server = usePostgres();

function expectOnce({ byPolling, byWebhook, problems }: RaceResult): void {
  expect(problems.slice(0, 5)).toEqual([]);
  expect(Math.min(byPolling, byWebhook)).toBeGreaterThan(0);
}

it("each job is written once where processes and a webhook handler race, and processes are killed", async () => {
  const result = await race(server, { seed: 1, jobs: 400, processes: 4, kills: 2 });
  expectOnce(result);
});

// `npm run races`: 50 seeds, or as many as are given.
const seeds = Number(process.env.STUCK_JOBS_RACE_SEEDS ?? 0);
const from = Number(process.env.STUCK_JOBS_RACE_FROM ?? 1);
for (let seed = from; seed < from + seeds; seed += 1) {
  it(`each of 5,000 jobs is written once by 16 processes and a webhook handler, seed ${seed}`, {
    timeout: 600_000,
  }, async () => {
    const result = await race(server, { seed, jobs: 5_000, processes: 16, kills: 8 });
    process.stdout.write(`seed ${seed}: ${JSON.stringify({ ...result, problems: result.problems.length })}\n`);
    expectOnce(result);
  });
}
