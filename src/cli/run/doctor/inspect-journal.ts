import { access, constants, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Env } from "../../../config/env/variables.ts";
import type { Settings } from "../../../config/settings.ts";
import type { JournalFacts } from "../../../doctor/journal.ts";
import { hasCode } from "../../../system/files.ts";
import { journalNameOf } from "../open-journal.ts";

/** Finds out whether a run could write its journal, without making file or folder; null where it is in a database. */
export async function inspectJournal(settings: Settings, env: Env): Promise<JournalFacts | null> {
  const { place } = settings.journal;
  const name = journalNameOf(settings, env);
  if (place?.kind === "postgres") return null;
  if (place === null || name === null) return { kind: "off" };
  const refusal = await whyNotWritable(resolve(name), "file");
  if (refusal === null) return { kind: "writable", path: name };
  return { kind: "unwritable", path: name, detail: refusal, required: place.kind === "asked" };
}

/** Returns why a file, or a folder that would be made with those above it, cannot be written; null where it can. */
async function whyNotWritable(path: string, kind: "file" | "folder"): Promise<string | null> {
  try {
    const found = await stat(path);
    const fits = kind === "file" ? found.isFile() : found.isDirectory();
    if (!fits) return `${path} is no ${kind}`;
    await access(path, kind === "file" ? constants.W_OK : constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return await whyNotWritable(dirname(path), "folder");
    if (error instanceof Error && "code" in error) return `${path}: ${error.code}`;
    throw error;
  }
}
