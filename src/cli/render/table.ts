import { Chalk, type ChalkInstance, supportsColor } from "chalk";
import Table, { type Cell } from "cli-table3";
import type { Entry, Report } from "../../core/domain/report.ts";
import type { CommandContext } from "../context.ts";
import { columnsFor, GAP, type ShownColumn } from "./columns.ts";
import { type Group, groupsOf, nameOf } from "./groups.ts";
import { countsLine, footer, footerLines } from "./summary.ts";
import { cut, trimLineEnds, wrap } from "./text.ts";

/** The target of a rendering. */
export interface Canvas {
  /** The width of the terminal. */
  readonly columns: number;
  /** The colours, which may be none. */
  readonly chalk: ChalkInstance;
}

/** Returns the colours for stdout: none without a terminal, with --no-color or NO_COLOR. */
export function chalkFor(
  { color }: { readonly color: boolean },
  { env, terminal }: Pick<CommandContext, "env" | "terminal">,
): ChalkInstance {
  const level = color && terminal.stdoutIsTerminal && !env.NO_COLOR && supportsColor ? supportsColor.level : 0;
  return new Chalk({ level });
}

/** The target of the table of jobs. */
export interface JobsCanvas extends Canvas {
  /** Whether a question follows, in the place of a hint at the next command. */
  readonly isPlan: boolean;
  /** Whether long groups are shown to their end. */
  readonly all: boolean;
  /** The URL of a record; null where the terminal has no links, or the table id is not known. */
  readonly urlOf: ((id: string) => string) | null;
}

/** Renders the report as a table, with a summary and the next step. */
export function renderTable(report: Report, canvas: JobsCanvas): string {
  const wrapped = (lines: readonly string[]) =>
    lines.flatMap((line) => wrap(line, canvas.columns)).map((line) => `${line}\n`);
  if (report.entries.length === 0) return wrapped([`No stuck jobs. ${footer(report)}`]).join("");
  const rest = wrapped([countsLine(report), footer(report), ...footerLines(report, canvas)]);
  return `${jobsTable(report.entries, canvas)}\n\n${rest.join("")}`;
}

function jobsTable(entries: readonly Entry[], canvas: JobsCanvas): string {
  const groups = groupsOf(entries, canvas.all);
  const columns = columnsFor(
    groups.flatMap(({ shown }) => shown),
    canvas.columns,
  );
  const table = new Table({
    head: columns.map(({ title }) => canvas.chalk.bold(title)),
    colWidths: columns.map(({ width }) => width + GAP),
    style: { head: [], border: [], "padding-left": 0, "padding-right": GAP },
    chars: BORDERS,
  });
  for (const group of groups) {
    for (const entry of group.shown) {
      table.push(columns.map((column) => cellOf(column, entry, canvas)));
    }
    if (group.rest > 0) table.push([{ content: canvas.chalk.dim(moreLine(group)), colSpan: columns.length }]);
  }
  return trimLineEnds(table.toString());
}

function moreLine({ name, rest }: Group): string {
  return `… and ${rest} more (${name}): --all`;
}

/** Cut before it is coloured: a colour that is cut off would run on. */
function cellOf({ title, cell, width }: ShownColumn, entry: Entry, { chalk, urlOf }: JobsCanvas): Cell {
  const text = cut(cell(entry), width);
  switch (title) {
    case "job":
      return urlOf === null ? chalk.dim(text) : { content: chalk.dim(text), href: urlOf(entry.id) };
    case "external id":
    case "target":
      return chalk.dim(text);
    case "verdict":
      return coloured(text, entry, chalk);
    default:
      return text;
  }
}

/** Colours that are readable on black and on white: no yellow, cyan or blue. Each verdict also has a symbol. */
function coloured(text: string, entry: Entry, chalk: ChalkInstance): string {
  switch (nameOf(entry)) {
    case "recover":
      return chalk.green(text);
    case "fail":
      return chalk.red(text);
    case "error":
      return chalk.red.bold(text);
    case "unknown":
      return chalk.magenta(text);
    case "skip":
      return chalk.dim(text);
    case "wait":
      return text;
  }
}

/** No lines: copied text stays readable. */
const BORDERS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "",
};
