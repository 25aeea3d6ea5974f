import type { AtomicWriter } from "../../core/ports/atomic-writer.ts";
import type { Clock, JobHistory, JobStore } from "../../core/ports/ports.ts";
import { type Database, openDatabase } from "../../database/connection.ts";
import type { DatabaseAddress } from "../../database/database-url.ts";
import type { ConnectionLimits } from "../../database/limits.ts";
import type { StoreOptions } from "./layout.ts";
import { createStore, type JournalTable } from "./store.ts";

export interface OpenOptions extends StoreOptions {
  readonly address: DatabaseAddress;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  readonly random: () => number;
  /** Opens the journal in the same database; null where it is elsewhere, or off. */
  readonly journal: ((database: Database) => JournalTable) | null;
}

/** A database that is open. */
export interface OpenDatabase {
  readonly store: JobStore & JobHistory & { readonly atomic: AtomicWriter };
  readonly database: Database;
  close(): Promise<void>;
}

/** Opens a database. Nothing is sent before the first question. */
export function openPostgres(options: OpenOptions): OpenDatabase {
  const database = openDatabase(options);
  const journal = options.journal?.(database) ?? null;
  return { store: createStore({ ...options, database, journal }), database, close: database.close };
}
