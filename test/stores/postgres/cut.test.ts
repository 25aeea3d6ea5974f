import { describe, expect, it } from "vitest";
import { exitCodeOf, exitCodeOfFailure } from "../../../src/cli/exit-codes.ts";
import { isUpstreamFailure } from "../../../src/core/ports/errors.ts";
import type { SweepContext } from "../../../src/core/sweep/context.ts";
import { sweep } from "../../../src/core/sweep/sweep.ts";
import { FakeBucket } from "../../support/fakes.ts";
import type { TestDatabase } from "../../support/postgres.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { usePostgres } from "../../support/use-postgres.ts";
import { createRenders, openRun } from "./run.ts";

const server = usePostgres();

/** Retries at once: a server that is gone stays gone. */
const HASTY = { now: Date.now, sleep: async () => {} };

const [JOBS, WITH_OUTPUT] = [5, 3];

async function exitCode(run: SweepContext): Promise<number> {
  try {
    const { report, fault } = await sweep(run);
    return exitCodeOf(report, fault);
  } catch (error) {
    if (isUpstreamFailure(error)) return exitCodeOfFailure(error);
    throw error;
  }
}

/** How many jobs are as they were, done and failed. Throws where a row was written without the other. */
async function count({ query }: TestDatabase) {
  const rows = await query(`
    SELECT r.status || ' ' || s.state || ' ' || (s.output_url IS NOT NULL) AS state,
      (SELECT count(*)::int FROM stuck_jobs.journal WHERE job = r.id::text AND line->>'role' = 'job') AS journaled
    FROM renders r JOIN segments s ON s.id = r.segment_id`);
  const of = (state: string, journaled: number) =>
    rows.filter((row) => row.state === state && row.journaled === journaled).length;
  const found = {
    stuck: of("processing waiting false", 0),
    done: of("done ready true", 1),
    failed: of("failed waiting false", 1),
  };
  expect(found.stuck + found.done + found.failed, JSON.stringify(rows)).toBe(JOBS);
  return found;
}

describe("a PostgreSQL server that goes away in the middle of a sweep", () => {
  it.each(["before", "after"] as const)(
    "is exit 5 %s each of its messages, leaves no job half written, and the next run does the rest",
    { timeout: 120_000 },
    async (when) => {
      const database = await createRenders(server, JOBS);
      const probe = new FakeBucket();
      for (let n = 1; n <= WITH_OUTPUT; n += 1) probe.objects.set(`ext-${n}.mp4`, 1000);
      const proxy = await startTcpProxy(database.url);
      await openRun(database, probe);
      const codes: number[] = [];
      let interrupted = 0;
      for (let n = 1; codes.at(-1) !== 0; n += 1) {
        await database.query(`
          UPDATE renders SET status = 'processing', error = NULL, notes = NULL, response_json = NULL;
          UPDATE segments SET state = 'waiting', output_url = NULL; TRUNCATE stuck_jobs.journal, stuck_jobs.runs, stuck_jobs.verdicts`);
        proxy.back();
        const { run } = await openRun({ url: proxy.url }, probe, { clock: HASTY });
        proxy.goAway(n, when);
        codes.push(await exitCode(run));
        const left = await count(database);
        if (left.stuck > 0) interrupted += 1;
        const again = await openRun(database, probe);
        const { report } = await sweep(again.run);
        expect(report.summary.errors).toBe(0);
        expect(await count(database), `message ${n}`).toEqual({
          stuck: 0,
          done: WITH_OUTPUT,
          failed: JOBS - WITH_OUTPUT,
        });
      }
      expect(new Set(codes)).toEqual(new Set([5, 0]));
      expect(interrupted).toBeGreaterThan(5);
    },
  );
});
