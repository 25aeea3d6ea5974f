import type { ChalkInstance } from "chalk";
import Table from "cli-table3";
import { type Entry, outputOf, type Report } from "../../core/report.ts";
import type { VerdictKind } from "../../core/verdict.ts";
import { count, inWords, sizeInWords } from "../words.ts";
import { brakeLines } from "./brake.ts";
import { herdLine } from "./herds.ts";

/** What a table is drawn for: its width in columns, and the colours, which may be none. */
export interface Canvas {
  readonly columns: number;
  readonly chalk: ChalkInstance;
}

interface Column {
  readonly title: string;
  readonly cell: (entry: Entry, report: Report) => string;
  /** Where the terminal is narrow the column shrinks to this width. */
  readonly least: number;
}

const COLUMNS: readonly Column[] = [
  { title: "job", cell: ({ id }) => id, least: 17 },
  { title: "operation", cell: ({ operation, type }) => operation ?? type ?? "–", least: 9 },
  { title: "age", cell: ({ age }) => inWords(age), least: 7 },
  { title: "verdict", cell: verdictCell, least: 9 },
  { title: "reason", cell: ({ verdict }) => verdict.reason, least: 19 },
  { title: "output", cell: outputCell, least: 7 },
  { title: "target", cell: targetCell, least: 17 },
];

/** The order of the groups: what was done first, then what needs a person, then what only needs time. */
const ORDER: readonly VerdictKind[] = ["recover", "fail", "unknown", "skip", "wait"];

const SYMBOL: Readonly<Record<VerdictKind, string>> = { recover: "✓", fail: "✗", wait: "…", skip: "–", unknown: "?" };

/** The report as a table with a summary and the next step, for people at a terminal. */
export function renderTable(report: Report, canvas: Canvas): string {
  const { entries } = report;
  if (entries.length === 0) return `No stuck jobs. ${footer(report)}\n`;
  const sorted = [...entries].sort(
    (a, b) => ORDER.indexOf(a.verdict.kind) - ORDER.indexOf(b.verdict.kind) || (b.age ?? 0) - (a.age ?? 0),
  );
  const rows = sorted.map((entry) => ({ entry, cells: COLUMNS.map(({ cell }) => cell(entry, report)) }));
  const widths = columnWidths(
    COLUMNS.map(({ title }, n) => Math.max(title.length, ...rows.map(({ cells }) => cells[n]?.length ?? 0))),
    canvas.columns,
  );
  const shown = COLUMNS.flatMap((column, n) => {
    const width = widths[n] ?? 0;
    return width === 0 ? [] : [{ column, n, width }];
  });
  const table = new Table({
    head: shown.map(({ column }) => canvas.chalk.bold(column.title)),
    colWidths: shown.map(({ width }) => width + GAP),
    style: { head: [], border: [], "padding-left": 0, "padding-right": GAP },
    chars: BORDERS,
  });
  for (const { entry, cells } of rows) {
    table.push(shown.map(({ column, n }) => paint(column.title, cells[n] ?? "", entry, canvas.chalk)));
  }
  return `${table.toString().replace(/ +$/gm, "")}\n${summaryLine(report)}\n${closing(report)
    .map((line) => `${line}\n`)
    .join("")}`;
}

/** Blanks between two columns. */
const GAP = 2;

/** No lines: less ink, and copied text stays readable. */
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

function verdictCell({ verdict, error }: Entry): string {
  return error === null ? `${SYMBOL[verdict.kind]} ${verdict.kind}` : "! error";
}

function outputCell(entry: Entry): string {
  const output = outputOf(entry);
  return output === null ? "" : sizeInWords(output.bytes);
}

function targetCell({ target }: Entry): string {
  return target === null ? "" : `${target.table} ${target.id}`;
}

/** The columns that shrink first where the terminal is narrow, and those that then go. Job, verdict and reason stay. */
const SHRINKING = ["target", "operation"];
const GOING = ["target", "output", "operation", "age"];

/** Natural widths where they fit; 0 for a column that is left out. */
function columnWidths(natural: readonly number[], columns: number): readonly number[] {
  const widths = [...natural];
  const excess = () => widths.reduce((sum, width) => sum + (width === 0 ? 0 : width + GAP), 0) - columns;
  for (const [n, { title, least }] of COLUMNS.entries()) {
    const width = widths[n] ?? 0;
    if (SHRINKING.includes(title) && excess() > 0) widths[n] = Math.max(Math.min(width, least), width - excess());
  }
  for (const title of GOING) if (excess() > 0) widths[COLUMNS.findIndex((column) => column.title === title)] = 0;
  return widths;
}

function paint(title: string, cell: string, { verdict, error }: Entry, chalk: ChalkInstance): string {
  if (title === "job" || title === "target") return chalk.dim(cell);
  if (title !== "verdict") return cell;
  if (error !== null) return chalk.red.bold(cell);
  const colour = { recover: chalk.green, fail: chalk.red, wait: chalk.cyan, skip: chalk.dim, unknown: chalk.yellow };
  return colour[verdict.kind](cell);
}

function summaryLine(report: Report): string {
  const { recovered, failed, waiting, skipped, unknown, errors } = report.summary;
  const would = report.command === "scan" || report.dryRun ? "would be " : "";
  const parts = [
    `${recovered} ${would}recovered`,
    `${failed} ${would}failed`,
    `${waiting} waiting`,
    `${skipped} skipped`,
  ];
  if (unknown > 0) parts.push(`${unknown} unknown`);
  if (errors > 0) parts.push(count(errors, "error"));
  return `\n${count(report.summary.stuck, "stuck job")}: ${parts.join(", ")}. ${footer(report)}`;
}

function footer({ requests, runId, startedAt, finishedAt }: Report): string {
  const seconds = ((finishedAt - startedAt) / 1000).toFixed(1);
  return `${count(requests.airtable, "Airtable request")}, ${count(requests.storage, "probe")}, ${seconds} s, run ${runId}`;
}

function closing(report: Report): readonly string[] {
  const { command, dryRun, summary, truncated } = report;
  const lines = report.entries.flatMap(({ id, error }) =>
    error === null ? [] : [`${id} could not be written: ${error}`],
  );
  lines.push(...report.herds.map(herdLine));
  lines.push(...brakeLines(report));
  if (truncated) lines.push("Truncated: the rest is left to the next run.");
  const work = summary.recovered + summary.failed;
  if (command === "scan" && work > 0)
    lines.push("Next: stuck-jobs recover --dry-run, which also reads the targets; then stuck-jobs recover");
  else if (dryRun && work > 0) lines.push(`Next: stuck-jobs ${command}`);
  if (report.entries.some(({ verdict }) => verdict.reason === "beyond-max-age")) {
    lines.push("Older than maxAge: stuck-jobs fail-old --dry-run");
  }
  return lines;
}
