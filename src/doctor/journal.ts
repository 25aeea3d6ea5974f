import type { Settings } from "../config/settings.ts";
import { type CheckResult, fail, pass, warn } from "./check-result.ts";

/** Whether a run could write its journal. */
export type JournalFacts =
  | { readonly kind: "off" }
  | { readonly kind: "writable"; readonly path: string }
  /** `required`: the configuration names the file, so that a run without it ends before it writes. */
  | { readonly kind: "unwritable"; readonly path: string; readonly detail: string; readonly required: boolean };

/** Checks that runs can record what they write. */
export function checkJournal(facts: JournalFacts, { jobs }: Settings): readonly CheckResult[] {
  const [id, title] = ["journal", "journal"] as const;
  const hasNotes = jobs.fields.notes !== null;
  const lost = hasNotes
    ? "undo will not know the runs"
    : "without notes either, no file that Airtable drops is delivered again, no webhook is sent again, no run is undone, and nothing is failed without an output of its operation in sight";
  switch (facts.kind) {
    case "writable":
      return [pass(id, title, `${facts.path} can be written`)];
    case "off":
      if (hasNotes) return [pass(id, title, `off: ${lost}`)];
      return [warn(id, title, `off: ${lost}`, "Let journal.path name a file, or jobs.fields.notes a field.")];
    case "unwritable": {
      const detail = `cannot be written: ${facts.detail}`;
      const next = "Let journal.path, or STATE_DIRECTORY, name a folder that may be written and outlasts the run.";
      if (facts.required) return [fail("configuration", id, title, `${detail}; a run ends before it writes`, next)];
      return [warn(id, title, `${detail}: ${lost}`, next)];
    }
  }
}
