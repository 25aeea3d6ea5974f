import { join } from "node:path";
import type { Env } from "../../config/env/variables.ts";
import type { DatabaseJournal } from "../../config/resolve/journal.ts";
import type { Settings } from "../../config/settings.ts";
import { formatAddress } from "../../database/database-url.ts";
import { filesOf, openAppendFile } from "../../journal/append-file.ts";
import { HISTORY_KINDS, type JournalHistory, readHistory } from "../../journal/history.ts";
import { type JournalLine, NoJournalError, readLines } from "../../journal/read.ts";
import { createJournal, type JournalWriter } from "../../journal/write.ts";
import { systemClock } from "../../system/clock.ts";
import { stateDirectory } from "../../system/folders.ts";
import { type Invocation, mayWrite } from "../context.ts";

/** Opens the journal of a run that may write; null for other runs and where the journal is off. It is opened by the first write. */
export function openJournal(invocation: Invocation, settings: Settings): JournalWriter | null {
  return mayWrite(invocation) ? journalOf(invocation, settings) : null;
}

/** Opens the journal of the settings; null where it is off. */
export function journalOf(
  { env, terminal }: Pick<Invocation, "env" | "terminal">,
  settings: Settings,
): JournalWriter | null {
  const name = journalNameOf(settings, env);
  const { place, maxBytes, keep } = settings.journal;
  if (name === null || place === null) return null;
  return createJournal({
    name,
    open: async () => {
      if (place.kind !== "postgres") return await openAppendFile(name, { maxBytes, keep });
      const { openDatabaseJournal } = await import("../../journal/postgres/open.ts");
      return await openDatabaseJournal({ ...place, ...SYSTEM });
    },
    read: async (kinds, collect) => {
      if (place.kind === "postgres") return await withDatabaseLines(place, settings.store.baseId, kinds, collect);
      try {
        return await collect(readLines(filesOf(name, keep), kinds));
      } catch (error) {
        if (error instanceof NoJournalError) return await collect(NO_LINES);
        throw error;
      }
    },
    required: place.kind !== "default",
    baseId: settings.store.baseId,
    jobsTable: settings.jobs.table,
    redact: (text) => terminal.redact(text),
    now: systemClock.now,
    // In a container with a read-only file system this would be logged every two minutes.
    onUnavailable: (message, isExpected) =>
      terminal.log(`${message}; continuing without it: undo will not know this run`, isExpected ? "info" : "warn"),
  });
}

const NO_LINES: AsyncIterable<JournalLine> = { async *[Symbol.asyncIterator]() {} };

const SYSTEM = { clock: systemClock, random: Math.random };

/** Reads what the journal recorded about the base of the settings; null without a journal. */
export async function readPast(settings: Settings, env: Env): Promise<JournalHistory | null> {
  const { store, journal } = settings;
  if (journal.place?.kind === "postgres") {
    return await withDatabaseLines(journal.place, store.baseId, HISTORY_KINDS, (lines) =>
      readHistory(lines, store.baseId),
    );
  }
  const path = journalNameOf(settings, env);
  if (path === null) return null;
  try {
    return await readHistory(readLines(filesOf(path, journal.keep), HISTORY_KINDS), store.baseId);
  } catch (error) {
    if (error instanceof NoJournalError) return null;
    throw error;
  }
}

/** Reads a journal in PostgreSQL. Its driver is loaded only then. */
export async function withDatabaseLines<T>(
  place: DatabaseJournal,
  base: string | null,
  kinds: readonly JournalLine["kind"][],
  read: (lines: AsyncIterable<JournalLine>) => Promise<T>,
): Promise<T> {
  const { readDatabaseJournal } = await import("../../journal/postgres/open.ts");
  return await readDatabaseJournal({ ...place, ...SYSTEM }, base, kinds, read);
}

/** Returns where the journal is: the path of its file, or what its database is called; null where it is off. */
export function journalNameOf({ journal: { place }, store }: Settings, env: Env): string | null {
  switch (place?.kind) {
    case undefined:
      return null;
    case "asked":
      return place.path;
    case "default":
      return join(stateDirectory(env), `journal-${store.baseId}.ndjson`);
    case "postgres":
      return `the schema ${place.schema} of PostgreSQL ${formatAddress(place.address)}`;
  }
}
