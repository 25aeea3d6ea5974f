import type { AtomicWriter } from "../../core/ports/atomic-writer.ts";
import type { Clock, JobHistory, JobStore } from "../../core/ports/ports.ts";
import { type Database, openDatabase } from "../../database/connection.ts";
import type { DatabaseAddress } from "../../database/database-url.ts";
import { type Fence, withFence } from "../../database/fence.ts";
import type { ConnectionLimits } from "../../database/limits.ts";
import { requireMigrated } from "../../database/migrate.ts";
import type { StoreOptions } from "./options.ts";
import { createStore, type JournalTable } from "./store.ts";

export interface OpenOptions extends StoreOptions {
  readonly address: DatabaseAddress;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  readonly random: () => number;
  /** The journal in the same database; null where it is elsewhere, or off. */
  readonly journal: (Pick<JournalTable, "linesOf"> & { readonly schema: string }) | null;
  /** What has to hold for each write; null where this process is the only one to write. */
  readonly fence?: Fence | null;
}

/** A database that is open. */
export interface OpenDatabase {
  readonly store: JobStore & JobHistory & { readonly atomic: AtomicWriter };
  readonly database: Database;
  close(): Promise<void>;
}

/** Opens a database. Nothing is sent before the first question. */
export function openPostgres(options: OpenOptions): OpenDatabase {
  const { fence = null } = options;
  const opened = openDatabase(options);
  const database = fence === null ? opened : withFence(opened, fence);
  const journal = options.journal === null ? null : journalIn(database, options.journal);
  return { store: createStore({ ...options, database, journal }), database, close: database.close };
}

/** The table of the journal, whose schema is checked before the first write. */
function journalIn(
  database: Database,
  { schema, linesOf }: Pick<JournalTable, "linesOf"> & { readonly schema: string },
): JournalTable {
  let checking: Promise<void> | null = null;
  return {
    table: [schema, "journal"],
    async prepare(signal) {
      checking ??= requireMigrated(database, schema, signal).catch((error: unknown) => {
        checking = null;
        throw error;
      });
      await checking;
    },
    linesOf,
  };
}
