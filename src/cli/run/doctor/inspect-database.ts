import type { PostgresSettings } from "../../../config/resolve/postgres.ts";
import type { Settings } from "../../../config/settings.ts";
import { UpstreamError } from "../../../core/ports/errors.ts";
import type { JobStore } from "../../../core/ports/ports.ts";
import type { DatabaseFacts } from "../../../doctor/postgres.ts";
import { openDatabaseStore } from "../adapters.ts";

/** A database that doctor examines: its jobs, and what was read of it. */
export interface InspectedDatabase {
  readonly store: JobStore;
  readonly facts: DatabaseFacts;
  close(): Promise<void>;
}

/** Reads everything that doctor checks of a database, as far as it can be read. Nothing is written. */
export async function inspectDatabase(
  settings: Settings,
  postgres: PostgresSettings,
  signal: AbortSignal,
): Promise<InspectedDatabase> {
  const { options, store, database, close } = await openDatabaseStore(settings, postgres, null);
  const { inspectMisfits, inspectPlan, inspectServer, inspectTables } = await import(
    "../../../stores/postgres/inspect.ts"
  );
  const { place } = settings.journal;
  const schema = place?.kind === "postgres" ? place.schema : null;
  let facts: DatabaseFacts = {
    name: database.name,
    server: null,
    tables: null,
    misfits: [],
    plan: null,
    journal: null,
    error: null,
  };
  try {
    facts = { ...facts, server: await inspectServer(database, signal) };
    facts = { ...facts, tables: await inspectTables(database, options, signal) };
    facts = { ...facts, misfits: await inspectMisfits(database, options, signal) };
    if (schema !== null) {
      const { pendingMigrations, readMigrations } = await import("../../../database/migrate.ts");
      const pending = await pendingMigrations(database, schema, await readMigrations(), signal);
      facts = { ...facts, journal: { schema, pending: pending.map(({ name }) => name) } };
    }
    const isComplete = facts.tables?.every(({ columns, exists }) => exists && columns.every(({ column }) => column));
    // The planner would say of a column that does not fit what nobody understands.
    if (isComplete && facts.misfits.length === 0)
      facts = { ...facts, plan: await inspectPlan(database, options, settings.jobs.stuckStatuses, signal) };
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    facts = { ...facts, error };
  }
  return { store, facts, close };
}
