import type { Clock } from "../core/ports/ports.ts";
import { asUpstreamError, type Database } from "../database/connection.ts";
import { quoteIdentifier } from "../database/identifiers.ts";
import { neverAborted } from "../system/never.ts";

/** Requests a second to all bases of one user, from all hosts: a fifth of Airtable's 50 is left for other clients. */
const PER_SECOND = 40;

/** Past the monthly quota Airtable answers at this rate. */
const PER_SECOND_OVER_QUOTA = 2;

/** After a 429 Airtable refuses for 30 seconds. */
const PENALTY_S = 30;

/** How long a spent quota is remembered before the usual rate is tried again. */
const QUOTA_MEMORY = "1 hour";

/** Permission for one request, as the rate limiter of a base takes it from the one that bases share. */
export interface Ticket {
  sent(): void;
  done(): void;
  /** Airtable refused the request for its rate, or for the monthly quota: all hosts slow down. */
  refused(why: "rate" | "quota"): void;
}

/** A ticket that is later than this is given up for another one. */
const MOST_LATE_MS = 100;

/** Attempts to get a ticket, and the wait between them: the database may just be restarting. */
const ATTEMPTS = 4;
const RETRY_MS = 500;

/**
 * Creates the limiter of one account for all hosts: a row holds the time of the next request, and each request moves it
 * on by its share of a second. One statement a request, without a transaction around it, so that the row is locked for as
 * short as can be.
 */
export function createBudget(
  { database, schema, account }: { readonly database: Database; readonly schema: string; readonly account: string },
  clock: Clock,
  elapsed: () => number = () => performance.now(),
): (signal: AbortSignal) => Promise<Ticket> {
  const table = `${quoteIdentifier(schema)}.budgets`;
  const step = `CASE WHEN budgets.slow_until > clock_timestamp() THEN interval '${1000 / PER_SECOND_OVER_QUOTA} ms' ELSE interval '${1000 / PER_SECOND} ms' END`;
  const take = `INSERT INTO ${table} AS budgets (account, tat) VALUES ($1, clock_timestamp() + interval '${1000 / PER_SECOND} ms')
ON CONFLICT (account) DO UPDATE SET tat = greatest(budgets.tat, clock_timestamp()) + ${step}
RETURNING extract(epoch FROM tat - (${step}) - clock_timestamp()) * 1000 AS wait`;

  const refuse = async (why: "rate" | "quota") => {
    const change =
      why === "rate"
        ? `tat = greatest(tat, clock_timestamp() + interval '${PENALTY_S} s')`
        : `slow_until = clock_timestamp() + interval '${QUOTA_MEMORY}'`;
    const text = `UPDATE ${table} SET ${change}, refused_at = clock_timestamp() WHERE account = $1`;
    await database.execute(text, [account], neverAborted());
  };

  return async (signal) => {
    for (;;) {
      const due = Math.max(0, await askForWait(signal)) + elapsed();
      if (due > elapsed()) await clock.sleep(due - elapsed(), signal);
      // A process that was held up must not send at once what was due meanwhile: others send by then.
      if (elapsed() - due <= MOST_LATE_MS) break;
    }
    return {
      sent: () => undefined,
      done: () => undefined,
      // The base waits by itself; what cannot be recorded here the other hosts find out in the same way.
      refused: (why) => void refuse(why).catch(() => undefined),
    };
  };

  async function askForWait(signal: AbortSignal): Promise<number> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const [row] = await database.execute(take, [account], signal);
        return Number(row?.wait ?? 0);
      } catch (error) {
        signal.throwIfAborted();
        if (attempt === ATTEMPTS) throw asUpstreamError(error, database.name);
      }
      await clock.sleep(RETRY_MS * attempt, signal);
    }
  }
}
