import type { ChalkInstance } from "chalk";
import Table from "cli-table3";
import type { BaseRef } from "../../config/settings.ts";
import { pluralize } from "../../core/domain/plural.ts";
import type { RequestCounts } from "../../core/domain/report.ts";
import { makeVisible } from "../../core/domain/visible.ts";
import { type CheckResult, type Level, worstOf } from "../../doctor/check-result.ts";
import type { ToJson } from "../terminal/terminal.ts";
import { VERSION } from "../version.ts";
import { ofBase } from "./json.ts";
import { storeRequests } from "./summary.ts";
import type { Canvas } from "./table.ts";
import { trimLineEnds, wrap } from "./text.ts";

/** The results of doctor, and the requests they took. */
export interface Diagnosis {
  readonly findings: readonly CheckResult[];
  readonly requests: RequestCounts;
}

/** For scripts: `stuck-jobs/doctor@1`, or of several bases `stuck-jobs/doctors@1`, which holds one for each. */
export function renderDiagnosesJson(
  diagnoses: readonly (Diagnosis & { readonly base: BaseRef | null })[],
  toJson: ToJson,
): string {
  const [only, ...more] = diagnoses;
  const document =
    only !== undefined && more.length === 0
      ? documentOf(only)
      : {
          schema: "stuck-jobs/doctors@1",
          version: VERSION,
          worst: worstOf(diagnoses.flatMap(({ findings }) => findings)),
          bases: diagnoses.map(documentOf),
        };
  return `${toJson(document, 2)}\n`;
}

function documentOf({ findings, requests, base }: Diagnosis & { readonly base: BaseRef | null }) {
  const checks = findings.map((finding) => {
    const { id, level, title, detail } = finding;
    return { id, level, title, detail, next: finding.level === "pass" ? null : finding.next };
  });
  return {
    schema: "stuck-jobs/doctor@1",
    ...ofBase(base),
    version: VERSION,
    checks,
    worst: worstOf(findings),
    requests,
  };
}

/** Renders a line for each check, and the fix below each that did not pass. `quiet` leaves out what passed. */
export function renderDiagnosis({ findings, requests }: Diagnosis, quiet: boolean, { columns, chalk }: Canvas): string {
  const shown = quiet ? findings.filter(({ level }) => level !== "pass") : findings;
  if (shown.length === 0) return "";
  const titles = shown.map(({ level, title }) => `${SYMBOL[level]} ${makeVisible(title)}`);
  // On a narrow terminal long titles are broken, so that the details keep enough width.
  const width = Math.min(Math.max(...titles.map((title) => title.length)), Math.floor(columns * 0.4));
  const table = new Table({
    colWidths: [width + GAP, columns - width - GAP],
    wordWrap: true,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
    chars: NO_LINES,
  });
  const maxWidth = columns - width - GAP;
  for (const finding of shown) table.push([titleOf(finding, width, chalk), textOf(finding, maxWidth, chalk)]);
  return `${trimLineEnds(table.toString())}\n\n${summary(findings, requests)}\n`;
}

const SYMBOL: Readonly<Record<Level, string>> = { pass: "✓", warn: "!", fail: "✗" };

const GAP = 2;

const NO_LINES = Object.fromEntries(
  ["top", "bottom", "left", "mid", "right"]
    .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
    .concat("middle")
    .map((name) => [name, ""]),
);

function titleOf({ level, title }: CheckResult, width: number, chalk: ChalkInstance): string {
  const paint = { pass: chalk.green, warn: chalk.yellow.bold, fail: chalk.red.bold };
  return paint[level](breakable(`${SYMBOL[level]} ${makeVisible(title)}`, width));
}

function textOf(finding: CheckResult, width: number, chalk: ChalkInstance): string {
  const detail = wrapped(finding.detail, width);
  if (finding.level === "pass") return chalk.dim(detail);
  return `${detail}\n${chalk.cyan(wrapped(`→ ${finding.next}`, width))}`;
}

/** Breaks a text into lines that the table takes as they are. */
function wrapped(text: string, width: number): string {
  return wrap(breakable(makeVisible(text), width), width, "").join("\n");
}

/** Makes words longer than a line breakable: the table would cut URLs off. */
function breakable(text: string, width: number): string {
  const parts = new RegExp(`\\S{${width}}(?=\\S)`, "g");
  return text.replace(parts, "$& ");
}

function summary(findings: readonly CheckResult[], requests: RequestCounts): string {
  const of = (level: Level) => findings.filter((finding) => finding.level === level).length;
  const outcome = `${of("pass")} passed, ${pluralize(of("warn"), "warning")}, ${of("fail")} failed.`;
  // Without usable settings it is not even known whom to ask.
  if (Object.values(requests).every((count) => count === 0))
    return `${outcome} Nothing was changed, and no request was sent.`;
  const asked = [storeRequests(requests), pluralize(requests.storage, "probe")];
  if (requests.provider > 0) asked.push(pluralize(requests.provider, "provider request"));
  return `${outcome} Nothing was changed.\n${asked.join(", ")}.`;
}
