import { join } from "node:path";
import type { Env } from "../../config/env/variables.ts";
import type { Settings } from "../../config/settings.ts";
import type { Journal } from "../../core/ports/journal.ts";
import { filesOf, openAppendFile } from "../../journal/append-file.ts";
import { HISTORY_KINDS, type JournalHistory, readHistory } from "../../journal/history.ts";
import { NoJournalError, readLines } from "../../journal/read.ts";
import { createJournal } from "../../journal/write.ts";
import { systemClock } from "../../system/clock.ts";
import { stateDirectory } from "../../system/folders.ts";
import { type Invocation, mayWrite } from "../context.ts";

/** Opens the journal of a run that may write; null for other runs and where the journal is off. The file is opened by the first write. */
export function openJournal(invocation: Invocation, settings: Settings): (Journal & { close(): Promise<void> }) | null {
  return mayWrite(invocation) ? journalOf(invocation, settings) : null;
}

/** Opens the journal of the settings; null where it is off. */
export function journalOf(
  { env, terminal }: Pick<Invocation, "env" | "terminal">,
  settings: Settings,
): (Journal & { close(): Promise<void> }) | null {
  const path = journalPathOf(settings, env);
  if (path === null) return null;
  const { place, maxBytes, keep } = settings.journal;
  return createJournal({
    name: path,
    open: () => openAppendFile(path, { maxBytes, keep }),
    required: place?.kind === "asked",
    baseId: settings.store.baseId,
    jobsTable: settings.jobs.table,
    redact: (text) => terminal.redact(text),
    now: systemClock.now,
    // In a container with a read-only file system this would be logged every two minutes.
    onUnavailable: (message, isExpected) =>
      terminal.log(`${message}; continuing without it: undo will not know this run`, isExpected ? "info" : "warn"),
  });
}

/** Reads what the journal at `path` recorded about the base of the settings; null without a journal. */
export async function readPast(path: string, { store, journal }: Settings): Promise<JournalHistory | null> {
  try {
    return await readHistory(readLines(filesOf(path, journal.keep), HISTORY_KINDS), store.baseId);
  } catch (error) {
    if (error instanceof NoJournalError) return null;
    throw error;
  }
}

/** Returns the path of the journal; null where it is off. */
export function journalPathOf({ journal: { place }, store }: Settings, env: Env): string | null {
  if (place === null) return null;
  return place.kind === "asked" ? place.path : join(stateDirectory(env), `journal-${store.baseId}.ndjson`);
}
