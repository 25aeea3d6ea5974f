import type { Settings } from "../../config/settings.ts";
import type { Instant } from "../../core/domain/job.ts";
import { pluralize } from "../../core/domain/plural.ts";
import { makeVisible } from "../../core/domain/visible.ts";
import { isFiles, type JournalCell } from "../../core/ports/journal.ts";
import type { Undone, UndoOutcome } from "../../core/undo/undo.ts";
import { formatDuration } from "../terminal/format.ts";
import type { ToJson } from "../terminal/terminal.ts";

/** The result of an undo. */
export interface UndoReport {
  readonly runId: string;
  readonly version: string;
  /** The run that was reverted. */
  readonly undoes: string;
  readonly dryRun: boolean;
  readonly startedAt: Instant;
  readonly finishedAt: Instant;
  readonly records: readonly Undone[];
}

const OUTCOMES: readonly UndoOutcome[] = ["restored", "as-it-was", "changed-since", "cannot"];

/** The report as one document: `stuck-jobs/undo@1`. */
export function renderUndoJson({ records, startedAt, finishedAt, ...rest }: UndoReport, toJson: ToJson): string {
  const document = {
    schema: "stuck-jobs/undo@1",
    ...rest,
    startedAt: new Date(startedAt).toISOString(),
    finishedAt: new Date(finishedAt).toISOString(),
    summary: Object.fromEntries(OUTCOMES.map((outcome) => [camelCase(outcome), numberOf(records, outcome)])),
    records,
  };
  return `${toJson(document, 2)}\n`;
}

/** Renders a line for each record, and what comes next. */
export function renderUndo(
  { undoes, runId, dryRun, records }: UndoReport,
  isStuckAgain: (record: Undone) => boolean,
  { thresholds }: Pick<Settings, "thresholds">,
): string {
  const nameOf = (outcome: UndoOutcome) => (dryRun && outcome === "restored" ? "would be restored" : outcome);
  const width = (of: (record: Undone) => string) => Math.max(...records.map((record) => of(record).length));
  const widths = [width(({ outcome }) => nameOf(outcome)), width(({ table }) => table)];
  const lines = records.map(({ outcome, table, id, detail, fields }) => {
    const [first = 0, second = 0] = widths;
    const what = outcome === "restored" ? changes(fields) : detail;
    return makeVisible(`${nameOf(outcome).padEnd(first)}  ${table.padEnd(second)}  ${id}  ${what}`.trimEnd());
  });
  const summary = OUTCOMES.flatMap((outcome) => {
    const number = numberOf(records, outcome);
    return number === 0 ? [] : [`${number} ${nameOf(outcome)}`];
  });
  const stuckAgain = records.filter(isStuckAgain).length;
  const next =
    stuckAgain === 0
      ? []
      : [
          `${pluralize(stuckAgain, "job")} ${dryRun ? "would be" : stuckAgain === 1 ? "is" : "are"} stuck again, with an age that counts from ${dryRun ? "the undo" : "now"}.`,
          `Unless the configuration or the job is changed, a sweep completes it after ${formatDuration(thresholds.stuckAfter)} if its output exists,`,
          `or fails it after ${formatDuration(thresholds.failAfter)} if not.`,
        ];
  const head = dryRun ? `Would undo run ${undoes}` : `Undid run ${undoes} (run ${runId})`;
  return [...lines, "", `${head}: ${pluralize(records.length, "record")}: ${summary.join(", ")}`, ...next, ""].join(
    "\n",
  );
}

function changes(fields: Undone["fields"]): string {
  return Object.entries(fields)
    .map(([name, { after }]) => `${name}: ${inText(after)}`)
    .join(", ");
}

function inText(cell: JournalCell): string {
  if (cell === null || (isFiles(cell) && cell.length === 0)) return "blank";
  const text = isFiles(cell)
    ? cell.map(({ filename }) => filename).join(" + ")
    : String(typeof cell === "object" ? cell.opaque : cell);
  const [line = ""] = text.split("\n");
  return line.length > 40 ? `${line.slice(0, 39)}…` : line;
}

function numberOf(records: readonly Undone[], outcome: UndoOutcome): number {
  return records.filter((record) => record.outcome === outcome).length;
}

function camelCase(outcome: string): string {
  return outcome.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
