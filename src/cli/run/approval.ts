import type { Settings } from "../../config/settings.ts";
import { pluralize } from "../../core/domain/plural.ts";
import { type Entry, outputOf, type Report } from "../../core/domain/report.ts";
import type { Confirmation } from "../../core/sweep/context.ts";
import type { Invocation } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatOf } from "../render/print-report.ts";
import type { Configured } from "../settings/select-bases.ts";
import { formatDuration, sizeInWords } from "../terminal/format.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { type BaseReport, runConfigured } from "./run-configured.ts";
import type { Shutdown } from "./signals.ts";

/** Returns whether `recover` shows its plan and asks first: a person is there, and no flag says otherwise. */
export function asksFirst({ command, flags }: Pick<Invocation, "command" | "flags">): boolean {
  const { dryRun, confirm, yes, quiet, sandbox, json, output } = flags;
  const isTerminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
  const isForScripts = json !== undefined || output === "json" || output === "ndjson";
  return command === "recover" && isTerminal && !isForScripts && !(dryRun || confirm || yes || quiet || sandbox);
}

/**
 * Shows what a sweep would do, asks once, and sweeps after a yes. The plan and the question hold no lock, and the
 * deadline starts with the sweep, which reads and probes everything again and writes nothing beyond the plan.
 */
export async function recoverByPlan(invocation: Invocation, found: Configured, stop: Shutdown): Promise<ExitCode> {
  const { flags, terminal } = invocation;
  const planned = await runConfigured({ ...invocation, flags: { ...flags, dryRun: true } }, found, "plan", stop);
  const plan = planOf(planned.reports);
  const isComplete = planned.code === EXIT.success || planned.code === EXIT.brake;
  if (!isComplete || plan.size === 0) return planned.code;
  const answer = await terminal.ask(questionFor(planned.reports), stop.signal);
  if (answer !== "yes") {
    terminal.log("nothing was written");
    return answer === "no" ? EXIT.success : (stop.code() ?? EXIT.interrupted);
  }
  let unplanned = 0;
  const confirm = async (entry: Entry, settings: Settings): Promise<Confirmation> => {
    if (plan.get(keyOf(entry, settings)) === writeOf(entry)) return "yes";
    unplanned += 1;
    return "not-planned";
  };
  const { code, reports } = await runConfigured({ ...invocation, confirm }, found, formatOf(invocation), stop);
  if (stop.code() !== null) logWritten(reports, terminal);
  if (unplanned > 0) terminal.log(unplannedLine(unplanned));
  return code;
}

function unplannedLine(jobs: number): string {
  return `not-confirmed: ${pluralize(jobs, "job")} changed, or became stuck, after the plan that you approved; run stuck-jobs recover again for a new plan`;
}

/** Sweeps with a question for each job that would be written. */
export async function sweepByQuestions(invocation: Invocation, found: Configured, stop: Shutdown): Promise<ExitCode> {
  const { terminal } = invocation;
  let last: Promise<Confirmation> = Promise.resolve("no");
  const ask = async (entry: Entry): Promise<Confirmation> => {
    const answer = await terminal.ask(questionAbout(entry), stop.signal);
    if (answer === "interrupted" && stop.code() === null) stop.interrupt();
    return answer === "yes" ? "yes" : "no";
  };
  // One question at a time, whatever the sweep does at once.
  const confirm = (entry: Entry): Promise<Confirmation> => {
    last = last.then(() => ask(entry));
    return last;
  };
  const { code, reports } = await runConfigured({ ...invocation, confirm }, found, formatOf(invocation), stop);
  if (stop.code() !== null) logWritten(reports, terminal);
  return code;
}

function logWritten(reports: readonly BaseReport[], terminal: Terminal): void {
  const written = reports.flatMap(({ report }) => report.entries.filter(({ applied }) => applied));
  terminal.log(
    `interrupted: ${written.length === 0 ? "nothing" : pluralize(written.length, "job")} was written so far`,
  );
}

/** What is to be written, by job. */
function planOf(reports: readonly BaseReport[]): ReadonlyMap<string, string> {
  return new Map(
    reports.flatMap(({ report, settings }) =>
      report.entries.filter(isWrite).map((entry) => [keyOf(entry, settings), writeOf(entry)] as const),
    ),
  );
}

function isWrite({ verdict, error }: Entry): boolean {
  return error === null && (verdict.kind === "recover" || verdict.kind === "fail");
}

function keyOf({ id }: Entry, { store }: Settings): string {
  return `${store.baseId} ${id}`;
}

/** What is written of a job: another verdict, file or target than the planned one is beyond the plan. */
function writeOf(entry: Entry): string {
  const { verdict, target } = entry;
  if (verdict.kind !== "recover") return verdict.kind;
  return JSON.stringify([verdict.kind, outputOf(entry)?.url, target?.table, target?.id, target?.field]);
}

function questionFor(reports: readonly BaseReport[]): string {
  const count = (of: (report: Report) => number) => reports.reduce((sum, { report }) => sum + of(report), 0);
  const recovered = count(({ summary }) => summary.recovered);
  const failed = count(({ summary }) => summary.failed);
  const parts = [
    ...(recovered > 0 ? [`recover ${pluralize(recovered, "job")}`] : []),
    ...(failed > 0 ? [`fail ${pluralize(failed, "job")}`] : []),
  ];
  const text = parts.join(" and ");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}?`;
}

/** The question about one job, with its file and target. */
function questionAbout(entry: Entry): string {
  const { id, operation, age, verdict, target, probes } = entry;
  const head = `${verdict.kind === "fail" ? "Fail" : "Recover"} ${id} (${operation}, ${formatDuration(age)})`;
  const place = target === null ? [] : [`${target.table} ${target.id}, field "${target.field}"`];
  const output = outputOf(entry);
  if (verdict.kind === "fail" || output === null) {
    const files = probes.map(({ url }) => fileName(url)).join(", ");
    return `${[`${head}: ${verdict.reason}${files === "" ? "" : `, probed ${files}`}`, ...place].join("; target ")}?`;
  }
  const file = `${fileName(output.url)} (${sizeInWords(output.bytes)})`;
  return `${[`${head}: ${verdict.reason}, ${file}`, ...place].join(" into ")}?`;
}

function fileName(url: string): string {
  return url.slice(url.lastIndexOf("/") + 1).replace(/\?.*$/s, "");
}
