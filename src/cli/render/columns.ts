import { type Entry, outputOf } from "../../core/domain/report.ts";
import type { VerdictKind } from "../../core/domain/verdict.ts";
import { makeVisible } from "../../core/domain/visible.ts";
import { formatDuration, sizeInWords } from "../terminal/format.ts";
import { displayWidth } from "./text.ts";

type Title = "job" | "external id" | "operation" | "age" | "verdict" | "reason" | "output" | "target";

interface Column {
  readonly title: Title;
  readonly cell: (entry: Entry) => string;
}

/** A column of the table of jobs, as wide as it is shown. */
export interface ShownColumn extends Column {
  readonly width: number;
}

const COLUMNS: readonly Column[] = [
  { title: "job", cell: ({ id }) => makeVisible(id) },
  { title: "external id", cell: ({ externalId }) => makeVisible(externalId ?? "–") },
  { title: "operation", cell: ({ operation, type }) => makeVisible(operation ?? type ?? "–") },
  { title: "age", cell: ({ age }) => formatDuration(age) },
  { title: "verdict", cell: verdictCell },
  { title: "reason", cell: ({ verdict }) => verdict.reason },
  { title: "output", cell: outputCell },
  { title: "target", cell: ({ target }) => (target === null ? "" : makeVisible(`${target.table} ${target.id}`)) },
];

/** The target by its id alone, for narrow terminals. */
const SHORT_TARGET: Column = {
  title: "target",
  cell: ({ target }) => (target === null ? "" : makeVisible(target.id)),
};

/** A longer name of an operation is cut on a terminal, so that it leaves no other column out. */
const MAX_OPERATION = 32;
const MIN_OPERATION = 12;

/** Blanks between two columns. */
export const GAP = 2;

const SYMBOL: Readonly<Record<VerdictKind, string>> = { recover: "✓", fail: "✗", wait: "…", skip: "–", unknown: "?" };

/**
 * Returns the columns that fit into `maxWidth`, the least useful left out first. Ids, verdicts and reasons stay whole;
 * without a limit, as in a pipe, so does everything.
 */
export function columnsFor(entries: readonly Entry[], maxWidth: number): readonly ShownColumn[] {
  const measure = (column: Column): ShownColumn => {
    const width = entries.reduce(
      (most, entry) => Math.max(most, displayWidth(column.cell(entry))),
      column.title.length,
    );
    return { ...column, width };
  };
  const without = (title: Title) => (columns: readonly ShownColumn[]) => columns.filter((each) => each.title !== title);
  const limitOperation = (most: number) => (columns: readonly ShownColumn[]) =>
    columns.map((each) => (each.title === "operation" ? { ...each, width: Math.min(each.width, most) } : each));
  const steps = [
    limitOperation(MAX_OPERATION),
    without("external id"),
    (columns: readonly ShownColumn[]) =>
      columns.map((each) => (each.title === "target" ? measure(SHORT_TARGET) : each)),
    without("target"),
    without("output"),
    limitOperation(MIN_OPERATION),
    without("operation"),
    without("age"),
  ];
  return steps.reduce((shown, step) => (totalWidth(shown) <= maxWidth ? shown : step(shown)), COLUMNS.map(measure));
}

function totalWidth(columns: readonly ShownColumn[]): number {
  return columns.reduce((sum, { width }) => sum + width + GAP, 0) - GAP;
}

function verdictCell({ verdict, error }: Entry): string {
  return error === null ? `${SYMBOL[verdict.kind]} ${verdict.kind}` : "! error";
}

function outputCell(entry: Entry): string {
  const output = outputOf(entry);
  return output === null ? "" : sizeInWords(output.bytes);
}
