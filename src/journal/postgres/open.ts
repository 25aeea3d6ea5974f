import { UpstreamError } from "../../core/ports/errors.ts";
import { type DatabaseOptions, openDatabase } from "../../database/connection.ts";
import { neverAborted } from "../../system/never.ts";
import type { JournalLine } from "../read.ts";
import type { LineSink } from "../write.ts";
import { openJournalTables, pruneJournalTables, readJournalTables } from "./tables.ts";

export interface DatabaseJournalOptions extends DatabaseOptions {
  readonly schema: string;
  /** Rows older than this are removed when the journal is closed, ms. */
  readonly keep: number;
}

/** What is written goes out with the run's own deadline; the journal must not lose it before. */
const NEVER = neverAborted();

/**
 * Opens a journal in PostgreSQL for appending.
 *
 * @throws UpstreamError where the database cannot be asked, or the schema is not as this version needs it
 */
export async function openDatabaseJournal(options: DatabaseJournalOptions): Promise<LineSink> {
  const database = openDatabase({ ...options, limits: { ...options.limits, connections: 1 } });
  const tables = { database, schema: options.schema };
  try {
    const sink = await openJournalTables(tables, NEVER);
    return {
      ...sink,
      async close() {
        try {
          await pruneJournalTables(tables, options.keep, NEVER);
        } catch (error) {
          // A role without DELETE keeps what it has written, and so does a server that has gone meanwhile.
          if (!(error instanceof UpstreamError)) throw error;
        } finally {
          await database.close();
        }
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Opens a journal in PostgreSQL for reading, and closes it after. */
export async function readDatabaseJournal<T>(
  options: DatabaseJournalOptions,
  base: string | null,
  kinds: readonly JournalLine["kind"][],
  read: (lines: AsyncIterable<JournalLine>) => Promise<T>,
): Promise<T> {
  const database = openDatabase({ ...options, limits: { ...options.limits, connections: 1 } });
  try {
    return await read(readJournalTables({ database, schema: options.schema }, base, kinds, NEVER));
  } finally {
    await database.close();
  }
}
