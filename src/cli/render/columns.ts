import { type Entry, outputOf } from "../../core/domain/report.ts";
import type { VerdictKind } from "../../core/domain/verdict.ts";
import { makeVisible } from "../../core/domain/visible.ts";
import { formatDuration, sizeInWords } from "../terminal/format.ts";
import { displayWidth } from "./text.ts";

/** A column of the table of jobs. */
export interface Column {
  readonly title: "job" | "operation" | "age" | "verdict" | "reason" | "output" | "target";
  readonly cell: (entry: Entry) => string;
  /** Where the terminal is narrow the column shrinks to this width. */
  readonly least: number;
}

const COLUMNS: readonly Column[] = [
  { title: "job", cell: ({ id }) => makeVisible(id), least: 17 },
  { title: "operation", cell: ({ operation, type }) => makeVisible(operation ?? type ?? "–"), least: 9 },
  { title: "age", cell: ({ age }) => formatDuration(age), least: 7 },
  { title: "verdict", cell: verdictCell, least: 9 },
  { title: "reason", cell: ({ verdict }) => verdict.reason, least: 19 },
  { title: "output", cell: outputCell, least: 7 },
  { title: "target", cell: targetCell, least: 17 },
];

/** The columns that shrink first where the terminal is narrow, and those that then go. Job, verdict and reason stay. */
const SHRINKING: readonly Column["title"][] = ["target", "operation"];
const GOING: readonly Column["title"][] = ["target", "output", "operation", "age"];

/** Blanks between two columns. */
export const GAP = 2;

const SYMBOL: Readonly<Record<VerdictKind, string>> = { recover: "✓", fail: "✗", wait: "…", skip: "–", unknown: "?" };

/** Returns the columns that fit into `maxWidth`, each with its width. */
export function columnsFor(
  entries: readonly Entry[],
  maxWidth: number,
): readonly { readonly column: Column; readonly width: number }[] {
  const widths = COLUMNS.map(({ title, cell }) =>
    entries.reduce((most, entry) => Math.max(most, displayWidth(cell(entry))), title.length),
  );
  const natural = new Map(COLUMNS.map((column, n) => [column, widths[n] ?? 0] as const));
  const leastOf = (column: Column) => {
    const width = natural.get(column) ?? 0;
    return SHRINKING.includes(column.title) ? Math.min(width, column.least) : width;
  };
  let columns = COLUMNS;
  for (const going of GOING) {
    if (excess(columns.map(leastOf), maxWidth) <= 0) break;
    columns = columns.filter(({ title }) => title !== going);
  }
  const shown = columns.map((column) => ({ column, width: natural.get(column) ?? 0 }));
  for (const each of shown) {
    const over = excess(
      shown.map(({ width }) => width),
      maxWidth,
    );
    if (over > 0) each.width = Math.max(leastOf(each.column), each.width - over);
  }
  return shown;
}

/** How many columns of the terminal are missing. */
function excess(widths: readonly number[], maxWidth: number): number {
  return widths.reduce((sum, width) => sum + width + GAP, 0) - GAP - maxWidth;
}

function verdictCell({ verdict, error }: Entry): string {
  return error === null ? `${SYMBOL[verdict.kind]} ${verdict.kind}` : "! error";
}

function outputCell(entry: Entry): string {
  const output = outputOf(entry);
  return output === null ? "" : sizeInWords(output.bytes);
}

function targetCell({ target }: Entry): string {
  return target === null ? "" : makeVisible(`${target.table} ${target.id}`);
}
