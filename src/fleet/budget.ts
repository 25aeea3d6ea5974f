import type { Duration, Instant } from "../core/domain/job.ts";
import type { Clock } from "../core/ports/ports.ts";
import { asUpstreamError, type Database } from "../database/connection.ts";
import { quoteIdentifier } from "../database/identifiers.ts";
import { neverAborted } from "../system/never.ts";

/** Requests a second to all bases of one user, from all hosts: a fifth of Airtable's 50 is left for what differs. */
const PER_SECOND = 40;

/** Past the monthly quota Airtable answers at this rate. */
const PER_SECOND_OVER_QUOTA = 2;

/** After a 429 Airtable refuses for 30 seconds. */
const PENALTY_S = 30;

/** How long a spent quota is remembered before the usual rate is tried again. */
const QUOTA_MEMORY = "1 hour";

/**
 * A turn that is used later than this is given up. All turns of an account are 25 ms apart, so that of those used within
 * one second the first and the last were due within 1,000 + 75 ms: 1,075 / 25 + 1 = 44 requests. Airtable's 50 in any
 * second hold as long as requests differ by no more than 150 ms in their way to it: (1,075 + 150) / 25 + 1 = 50.
 */
const MOST_LATE_MS: Duration = 75;

/**
 * Turns that one statement takes. The turns of a lot come one after the other, and then those of other hosts: of larger
 * lots a base, which may send five requests a second, could use one in each.
 */
const LOT = 2;

/** Statements under way at the same time, so that a distant database slows no host down. */
const MOST_LOTS = 4;

/** Of so many answers of the database the quickest says how long an answer takes; what another took longer is lateness. */
const RECENT_ANSWERS = 8;

/** Attempts to take turns, and the wait between them: the database may just be restarting. */
const ATTEMPTS = 4;
const RETRY_MS: Duration = 500;

/** Permission for one request, as the rate limiter of a base takes it from the one that bases share. */
export interface Ticket {
  sent(): void;
  done(): void;
  /** Airtable refused the request for its rate, or for the monthly quota: all hosts slow down. */
  refused(why: "rate" | "quota"): void;
}

export interface BudgetOptions {
  readonly database: Database;
  readonly schema: string;
  readonly account: string;
  /** How often the database is asked before it counts as away. */
  readonly attempts?: number;
}

/** Waits for a turn. Of the bases of this host the one whose sweep began first, at `since`, has the next. */
export type TakeTurn = (signal: AbortSignal, since?: Instant) => Promise<Ticket>;

interface Waiter {
  readonly since: Instant;
  grant(): void;
  fail(error: unknown): void;
}

/**
 * Creates the limiter of one account for all hosts: a row holds the time of the next request, and each request moves it
 * on by its share of a second. Turns are taken a few at a time by one statement without a transaction around it, so that
 * the row is locked for as short as can be; a base that has much to write does not stand in line behind those that are
 * only listed.
 */
export function createBudget(
  { database, schema, account, attempts = ATTEMPTS }: BudgetOptions,
  clock: Clock,
  elapsed: () => number = () => performance.now(),
): TakeTurn {
  const table = `${quoteIdentifier(schema)}.budgets`;
  const usual = `interval '${1000 / PER_SECOND} ms'`;
  const step = `CASE WHEN budgets.slow_until > clock_timestamp() THEN interval '${1000 / PER_SECOND_OVER_QUOTA} ms' ELSE ${usual} END`;
  const take = `INSERT INTO ${table} AS budgets (account, tat) VALUES ($1, clock_timestamp() + $2::int * ${usual})
ON CONFLICT (account) DO UPDATE SET tat = greatest(budgets.tat, clock_timestamp()) + $2::int * ${step}
RETURNING extract(epoch FROM tat - $2::int * (${step}) - clock_timestamp()) * 1000 AS wait, extract(epoch FROM ${step}) * 1000 AS step`;

  /** Whoever began first stands first. */
  const waiting: Waiter[] = [];
  /** Turns that are taken, or being taken, and have not come. */
  let reserved = 0;
  let lots = 0;
  let recent: readonly Duration[] = [];
  /** Turns that were taken before the last refusal are not used. */
  let refusals = 0;
  let abandoned = new AbortController();

  return async (signal, since = 0) => {
    signal.throwIfAborted();
    return await new Promise<Ticket>((resolve, reject) => {
      const leave = () => {
        waiting.splice(waiting.indexOf(waiter), 1);
        reject(signal.reason);
        if (waiting.length > 0) return;
        abandoned.abort();
        abandoned = new AbortController();
      };
      const waiter: Waiter = {
        since,
        grant() {
          signal.removeEventListener("abort", leave);
          resolve({ sent: () => undefined, done: () => undefined, refused });
        },
        fail(error) {
          signal.removeEventListener("abort", leave);
          reject(error);
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      waiting.splice(waiting.findLastIndex((each) => each.since <= since) + 1, 0, waiter);
      takeLots();
    });
  };

  function takeLots(): void {
    while (lots < MOST_LOTS && waiting.length > reserved) void takeLot(Math.min(LOT, waiting.length - reserved));
  }

  /** Takes turns, and gives each to the first that waits when it has come. */
  async function takeLot(count: number): Promise<void> {
    const { signal } = abandoned;
    const before = refusals;
    let left = count;
    lots += 1;
    reserved += count;
    try {
      const { first, lateness, step } = await askForTurns(count, signal);
      for (let due = first; left > 0; due += step) {
        if (due > elapsed()) await clock.sleep(due - elapsed(), signal);
        left -= 1;
        reserved -= 1;
        // A process that was held up must not send at once what was due meanwhile: others send by then.
        const isUsable = refusals === before && lateness + elapsed() - due <= MOST_LATE_MS;
        if (isUsable) waiting.shift()?.grant();
      }
    } catch (error) {
      if (!signal.aborted) for (const each of waiting.splice(0)) each.fail(error);
    } finally {
      lots -= 1;
      reserved -= left;
      takeLots();
    }
  }

  /** Returns when the first turn is due, how much later that may be than the database has it, and the time between turns. */
  async function askForTurns(count: number, signal: AbortSignal) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const asked = elapsed();
        const [row] = await database.execute(take, [account, count], signal);
        const answered = elapsed();
        recent = [...recent, answered - asked].slice(-RECENT_ANSWERS);
        const lateness = answered - asked - Math.min(...recent);
        return { first: answered + Math.max(0, Number(row?.wait)), lateness, step: Number(row?.step) };
      } catch (error) {
        signal.throwIfAborted();
        if (attempt === attempts) throw asUpstreamError(error, database.name);
      }
      await clock.sleep(RETRY_MS * attempt, signal);
    }
  }

  function refused(why: "rate" | "quota"): void {
    refusals += 1;
    const change =
      why === "rate"
        ? `tat = greatest(tat, clock_timestamp() + interval '${PENALTY_S} s')`
        : `slow_until = clock_timestamp() + interval '${QUOTA_MEMORY}'`;
    const text = `UPDATE ${table} SET ${change}, refused_at = clock_timestamp() WHERE account = $1`;
    // The base waits by itself; what cannot be recorded here the other hosts find out in the same way.
    database.execute(text, [account], neverAborted()).catch(() => undefined);
  }
}
