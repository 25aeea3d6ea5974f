import { getConstructionPlans, getMigrationPlans, type Job, PgBoss } from "pg-boss";
import * as z from "zod";
import type { Duration } from "../core/domain/job.ts";
import { UpstreamError } from "../core/ports/errors.ts";
import { asUpstreamError, type Database, type Query } from "../database/connection.ts";
import { quoteIdentifier } from "../database/identifiers.ts";
import { systemClock } from "../system/clock.ts";
import { neverAborted } from "../system/never.ts";
import { DEAD_LETTERS, LONGEST_RUN, QUEUE, QUEUE_VERSION } from "./versions.ts";

/** What a sweep in the queue says of itself. It never holds a secret. */
const payload = z.object({
  base: z.string(),
  digest: z.string(),
  /** When its slot begins; null for a run that was not planned. */
  slot: z.string().nullable(),
});

export type Payload = z.output<typeof payload>;

/** One attempt to sweep a base, held by this host. */
export interface HeldSweep extends Payload {
  readonly id: string;
  readonly attempt: number;
  /** The queue's own job: only with it is a statement limited to this attempt. */
  readonly job: Job<unknown>;
}

/** A sweep that is to be put into the queue. */
export interface PlannedSweep extends Payload {
  readonly id: string;
}

export interface QueueTimes {
  readonly heartbeat: Duration;
  readonly interval: Duration;
  /** How long one attempt may take. */
  readonly deadline: Duration;
}

/** The queue of a fleet. Every method rejects with `UpstreamError` where the database could not be asked. */
export interface Queue {
  /**
   * Puts sweeps into the queue, within a transaction; the first is taken first. Those that are there, and bases that have
   * one, are left out.
   */
  plan(sweeps: readonly PlannedSweep[], query: Query): Promise<void>;
  /** Takes at most `count` sweeps; another host has none of them meanwhile. */
  take(count: number): Promise<readonly HeldSweep[]>;
  /** Takes the exclusive key of a base for a run that was not planned; null where a sweep of it is planned or held. */
  takeNow(sweep: PlannedSweep): Promise<HeldSweep | null>;
  /** Returns false where the attempt is not this host's any more. */
  touch(held: HeldSweep): Promise<boolean>;
  complete(held: HeldSweep): Promise<boolean>;
  /** Gives it back: it is tried once more, by any host. */
  giveBack(held: HeldSweep, why: string): Promise<void>;
  /** Takes it out of the queue. */
  cancel(held: HeldSweep): Promise<void>;
  /** Returns sweeps of lost hosts to the queue, and removes what is too old. */
  supervise(): Promise<void>;
  close(): Promise<void>;
}

/** Finished sweeps are kept so long: they keep a slot from being planned twice. */
const KEEP_FINISHED_S = 86_400;

/** Attempts of what has to be said to the queue: its database may just be restarting. */
const ATTEMPTS = 4;
const RETRY_MS = 500;

/** Priorities of runs that were not planned, above those that were: each has one of its own, by which it is taken. */
const PRIORITIES = { from: 1_000_000, to: 2_000_000_000 };

/** Opens the queue. Its tables have to be there. */
export async function openQueue(database: Database, schema: string, times: QueueTimes): Promise<Queue> {
  const boss = createBoss(database, schema, { migrate: false });
  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw asUpstreamError(error, database.name);
    }
  };
  const askAgain = async <T>(work: () => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await ask(work);
      } catch (error) {
        const mayPass = error instanceof UpstreamError && error.code === "unavailable";
        if (!mayPass || attempt === ATTEMPTS) throw error;
      }
      await systemClock.sleep(RETRY_MS * attempt);
    }
  };
  await ask(() => boss.start());
  const seconds = (ms: Duration) => Math.max(1, Math.ceil(ms / 1000));
  const options = {
    retryLimit: 1,
    heartbeatSeconds: seconds(times.heartbeat),
    expireInSeconds: seconds(times.deadline),
    retentionSeconds: seconds(times.interval),
    deleteAfterSeconds: Math.max(KEEP_FINISHED_S, 3 * seconds(times.interval)),
    deadLetter: DEAD_LETTERS,
  };
  const insert = ({ id, ...data }: PlannedSweep) => ({ id, data, singletonKey: data.base, ...options });
  const affected = (response: object) => "affected" in response && Number(response.affected) > 0;
  const held = (jobs: readonly Job<unknown>[]): readonly HeldSweep[] =>
    jobs.map((job) => ({ ...payload.parse(job.data), id: job.id, attempt: job.retryCount, job }));
  return {
    async plan(sweeps, query) {
      const db = {
        executeSql: async (text: string, values: unknown[] = []) => ({ rows: [...(await query(text, values))] }),
      };
      const jobs = sweeps.map((sweep, n) => ({ ...insert(sweep), priority: sweeps.length - n }));
      await boss.insert(QUEUE, jobs, { db });
    },
    take: (count) => ask(async () => held(await boss.fetch<unknown>(QUEUE, { batchSize: count }))),
    takeNow: (sweep) =>
      ask(async () => {
        const { from, to } = PRIORITIES;
        const priority = from + Math.floor(Math.random() * (to - from));
        await boss.insert(QUEUE, [
          { ...insert(sweep), priority, retryLimit: 0, expireInSeconds: seconds(LONGEST_RUN) },
        ]);
        const jobs = await boss.fetch<unknown>(QUEUE, { batchSize: 1, minPriority: priority, maxPriority: priority });
        return held(jobs)[0] ?? null;
      }),
    touch: ({ job }) => ask(async () => affected(await boss.touch(QUEUE, job))),
    // Carried out twice these change nothing: they are limited to the attempt.
    complete: ({ job }) => askAgain(async () => affected(await boss.complete(QUEUE, job))),
    giveBack: ({ job }, why) =>
      askAgain(async () => {
        await boss.fail(QUEUE, job, { message: why });
      }),
    cancel: ({ job }) =>
      askAgain(async () => {
        await boss.cancel(QUEUE, job);
      }),
    supervise: () => ask(() => boss.supervise()),
    close: () => boss.stop({ graceful: false, close: false }),
  };
}

/** Returns the SQL that the queue's tables still lack; null where they are up to date. Writes nothing. */
export async function pendingQueueSql(database: Database, schema: string): Promise<string | null> {
  const never = neverAborted();
  const [found] = await database.read("SELECT to_regclass($1) IS NOT NULL AS there", [versionTable(schema)], never);
  if (found?.there !== true) return getConstructionPlans(queueSchema(schema), { createSchema: false });
  const [row] = await database.read(`SELECT version FROM ${versionTable(schema)}`, [], never);
  const version = Number(row?.version);
  if (version > QUEUE_VERSION) {
    const message = `the schema "${schema}" has a queue of version ${version}, which a newer stuck-jobs made`;
    throw new UpstreamError("config", message, "Upgrade stuck-jobs on this host.");
  }
  return version === QUEUE_VERSION ? null : getMigrationPlans(queueSchema(schema), version);
}

function versionTable(schema: string): string {
  return `${quoteIdentifier(schema)}.version`;
}

/** Creates the queue's tables, or brings them up to this version. */
export async function migrateQueue(database: Database, schema: string): Promise<void> {
  const boss = createBoss(database, schema, { migrate: true });
  try {
    await boss.start();
    await boss.createQueue(DEAD_LETTERS, { retentionSeconds: 14 * 86_400 });
    await boss.createQueue(QUEUE, { policy: "exclusive", deadLetter: DEAD_LETTERS });
  } catch (error) {
    throw asUpstreamError(error, database.name);
  } finally {
    await boss.stop({ graceful: false, close: false });
  }
}

function createBoss(database: Database, schema: string, { migrate }: { readonly migrate: boolean }): PgBoss {
  const never = neverAborted();
  const boss = new PgBoss({
    db: {
      executeSql: async (text, values = []) => ({ rows: [...(await database.execute(text, values, never))] }),
    },
    schema: queueSchema(schema),
    migrate,
    createSchema: migrate,
    // The scheduler of the host is the clock, and each pass supervises by itself.
    schedule: false,
    supervise: false,
    monitorIntervalSeconds: 1,
    superviseIntervalSeconds: 1,
    registerInstance: false,
    reindex: false,
    monitorVacuum: false,
    openTelemetry: { enabled: false },
  });
  // Errors of its background work; what this host asks for rejects by itself.
  boss.on("error", () => undefined);
  return boss;
}

/** pg-boss takes a name as SQL has it: quoted where it is more than lower-case letters, digits and _. */
export function queueSchema(schema: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(schema) ? schema : quoteIdentifier(schema);
}
