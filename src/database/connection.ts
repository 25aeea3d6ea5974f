import { Socket } from "node:net";
import pg from "pg";
import { UpstreamError } from "../core/ports/errors.ts";
import type { Clock } from "../core/ports/ports.ts";
import { abortable, withTimeout } from "../http/timeout.ts";
import { type DatabaseAddress, formatAddress } from "./database-url.ts";
import { classifyDatabaseError, type DatabaseFailure, isRaisedByFunction, upstreamCode } from "./errors.ts";
import type { ConnectionLimits } from "./limits.ts";
import { type Encryption, encryptionsOf } from "./tls.ts";

/** A row of an answer, by the names that the statement gives its columns. */
export type Row = Readonly<Record<string, unknown>>;

/** Runs one statement; values stand for $1, $2, … and never become part of its text. */
export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;

/** A database over the network. Nothing is sent before the first question. */
export interface Database {
  /**
   * Runs one statement in a transaction that cannot write, again where its failure passes.
   *
   * @throws UpstreamError where the database could not be asked, or the signal's reason
   */
  read(text: string, values: readonly unknown[], signal: AbortSignal): Promise<readonly Row[]>;
  /**
   * Runs statements in one transaction and commits it, again from its start where another transaction came in between.
   *
   * @throws WriteFailure where nothing was written, or where the answer to the commit was lost
   */
  write<T>(work: (query: Query) => Promise<T>, signal: AbortSignal): Promise<T>;
  /**
   * Runs a text once, as it stands: it may hold several statements, and a transaction of its own. Rejects with the
   * driver's error; `asUpstreamError` says what it means.
   */
  execute(text: string, values: readonly unknown[], signal: AbortSignal): Promise<readonly Row[]>;
  /** The statements that were sent so far, those that begin, commit and set aside. */
  statements(): number;
  /** What the database is called for people. */
  readonly name: string;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly address: DatabaseAddress;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  /** At least 0, below 1; spreads the retries. */
  readonly random: () => number;
}

/** A transaction failed. `committed` is false where nothing was written, and null where that is not known. */
export class WriteFailure extends Error {
  readonly failure: DatabaseFailure;
  readonly committed: false | null;
  constructor(failure: DatabaseFailure, committed: false | null, options?: ErrorOptions) {
    super(failure.message, options);
    this.name = "WriteFailure";
    this.failure = failure;
    this.committed = committed;
  }
}

const MAX_ATTEMPTS = 4;
const FIRST_BACKOFF_MS = 250;

/** Opens a database. All settings are made inside transactions, so that a pooler may stand between. */
export function openDatabase({ address, limits, clock, random }: DatabaseOptions): Database {
  let statements = 0;
  let opening: Promise<pg.Pool> | null = null;
  const name = formatAddress(address);
  // A timestamp without a zone is read as UTC, whatever the session's own zone is.
  // A process that stands still in a transaction must not keep the rows locked that it has: the server ends it.
  const settings =
    `SET LOCAL statement_timeout = ${limits.statementTimeout}; SET LOCAL lock_timeout = ${limits.lockTimeout}; ` +
    `SET LOCAL idle_in_transaction_session_timeout = ${limits.statementTimeout}; SET LOCAL TimeZone = 'UTC'`;

  /** Finds the way of the sslmode that the server takes; the later connections go the same way. */
  async function openPool(): Promise<pg.Pool> {
    let last: unknown = null;
    for (const encryption of await encryptionsOf(address)) {
      const sockets: Socket[] = [];
      const pool = createPool(address, encryption, limits, sockets);
      try {
        (await pool.connect()).release();
        return pool;
      } catch (error) {
        await pool.end();
        // Where the driver has no answer for the server, such as a password, it leaves the connection open.
        for (const socket of sockets) socket.destroy();
        last = error;
        if (!mayGoOtherWay(error)) break;
      }
    }
    throw last;
  }

  async function connect(signal: AbortSignal): Promise<pg.PoolClient> {
    opening ??= openPool().catch((error: unknown) => {
      opening = null;
      throw error;
    });
    return await checkOut(await abortable(opening, signal), signal);
  }

  /** Runs `work` in a transaction; a connection on which anything failed is not used again. */
  async function transact<T>(
    begin: string,
    work: (query: Query) => Promise<T>,
    signal: AbortSignal,
  ): Promise<{ value: T; commit: () => Promise<void> }> {
    signal.throwIfAborted();
    const client = await connect(signal);
    const send = async (text: string, values: readonly unknown[]) =>
      await abortable(client.query<Row, unknown[]>(text, [...values]), signal);
    let value: T;
    try {
      await abortable(client.query(`${begin}; ${settings}`), signal);
      value = await work(async (text, values = []) => {
        statements += 1;
        return (await send(text, values)).rows;
      });
    } catch (error) {
      client.release(true);
      throw error;
    }
    return {
      value,
      async commit() {
        try {
          await send("COMMIT", []);
          client.release();
        } catch (error) {
          client.release(true);
          throw error;
        }
      },
    };
  }

  async function backOff(attempt: number, signal: AbortSignal): Promise<void> {
    await clock.sleep(FIRST_BACKOFF_MS * 2 ** (attempt - 1) * (0.5 + random()), signal);
  }

  return {
    name,
    statements: () => statements,

    async read(text, values, signal) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          const { value, commit } = await transact("BEGIN READ ONLY", (query) => query(text, values), signal);
          await commit();
          return value;
        } catch (error) {
          signal.throwIfAborted();
          const failure = classifyDatabaseError(error);
          if (failure === null) throw error;
          if (attempt === MAX_ATTEMPTS || !isTransient(failure)) throw upstreamError(failure, name, attempt, error);
        }
        await backOff(attempt, signal);
      }
    },

    async write(work, signal) {
      for (let attempt = 1; ; attempt += 1) {
        let committing = false;
        try {
          const { value, commit } = await transact("BEGIN ISOLATION LEVEL READ COMMITTED", work, signal);
          committing = true;
          await commit();
          return value;
        } catch (error) {
          const failure = signal.aborted ? CUT_OFF : classifyDatabaseError(error);
          if (failure === null) throw error;
          // The server's own answer to a commit says that it did not happen; only a lost one leaves it open.
          const unknown = committing && failure.kind === "unavailable";
          if (unknown) throw new WriteFailure(failure, null, { cause: error });
          const mayPass = isTransient(failure) && !isRaisedByFunction(error);
          if (signal.aborted || attempt === MAX_ATTEMPTS || !mayPass) {
            throw new WriteFailure(failure, false, { cause: error });
          }
        }
        await backOff(attempt, signal).catch((error: unknown) => {
          throw new WriteFailure(CUT_OFF, false, { cause: error });
        });
      }
    },

    async execute(text, values, signal) {
      signal.throwIfAborted();
      const client = await connect(signal);
      statements += 1;
      try {
        // Without values several statements may stand in one text: then there is an answer for each.
        const send = (): Promise<pg.QueryResult<Row> | readonly pg.QueryResult<Row>[]> =>
          values.length === 0 ? client.query<Row>(text) : client.query<Row, unknown[]>(text, [...values]);
        const answer = await withTimeout(limits.statementTimeout, signal, send);
        client.release();
        return "rows" in answer ? answer.rows : answer.flatMap(({ rows }) => rows);
      } catch (error) {
        client.release(true);
        throw error;
      }
    },

    async close() {
      const pool = await opening?.catch(() => null);
      await pool?.end();
    },
  };
}

/** The error that ends a run for a failure of the database. */
export function upstreamError(failure: DatabaseFailure, name: string, attempts: number, cause: unknown): UpstreamError {
  const tried = attempts > 1 ? ` (tried ${attempts} times)` : "";
  const hint = "hint" in failure ? failure.hint : null;
  return new UpstreamError(upstreamCode(failure), `PostgreSQL ${name}: ${failure.message}${tried}`, hint, { cause });
}

/** Returns what an error of the driver, or of a transaction, means for a run; any other error as it is. */
export function asUpstreamError(error: unknown, name: string): unknown {
  if (error instanceof WriteFailure) return upstreamError(error.failure, name, 1, error);
  const failure = classifyDatabaseError(error);
  return failure === null ? error : upstreamError(failure, name, 1, error);
}

const CUT_OFF: DatabaseFailure = {
  kind: "unavailable",
  message: "the deadline cut the answer off",
  transient: false,
  hint: null,
};

function isTransient(failure: DatabaseFailure): boolean {
  return failure.kind === "conflict" || (failure.kind === "unavailable" && failure.transient);
}

function createPool(
  { host, port, database, user, password }: DatabaseAddress,
  encryption: Encryption,
  limits: ConnectionLimits,
  sockets: Socket[],
): pg.Pool {
  const pool = new pg.Pool({
    host,
    port,
    database,
    user,
    // Without one the driver would look for others in the environment and in files.
    password: password ?? (() => ""),
    ssl: encryption,
    stream() {
      const socket = new Socket();
      sockets.push(socket);
      return socket;
    },
    application_name: "stuck-jobs",
    max: limits.connections,
    connectionTimeoutMillis: limits.connectTimeout,
    keepAlive: true,
  });
  // An idle connection that the server closes is replaced by the next; without a listener it would end the process.
  pool.on("error", () => undefined);
  return pool;
}

async function checkOut(pool: pg.Pool, signal: AbortSignal): Promise<pg.PoolClient> {
  const connecting = pool.connect();
  try {
    const client = await abortable(connecting, signal);
    // While it is checked out as well: its query fails with the same error.
    if (client.listenerCount("error") === 0) client.on("error", () => undefined);
    return client;
  } catch (error) {
    connecting.then(
      (late) => late.release(true),
      () => undefined,
    );
    throw error;
  }
}

/** Whether a server that refused one way of connecting may take the other: it has no TLS, or wants it. */
function mayGoOtherWay(error: unknown): boolean {
  const failure = classifyDatabaseError(error);
  return failure?.kind === "config" || (error instanceof pg.DatabaseError && error.code === "28000");
}
