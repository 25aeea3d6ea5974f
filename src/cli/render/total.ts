import { pluralize } from "../../core/domain/plural.ts";
import type { Report } from "../../core/domain/report.ts";
import { makeVisible } from "../../core/domain/visible.ts";
import type { Invocation } from "../context.ts";
import type { BaseOutcome, CombinedOutcome } from "../outcome.ts";
import { VERSION } from "../version.ts";
import { ofBase, renderJsonOfSeveral, renderKeys } from "./json.ts";
import { countsInWords, isWorthALine, outcomeLine } from "./line.ts";
import { type Format, tableOf } from "./print-report.ts";
import { storeRequests } from "./summary.ts";

/** Renders the sweeps of several bases, in parts. As ndjson only the last line: the rest was printed before. */
export async function renderTotal(
  total: CombinedOutcome,
  format: Format,
  invocation: Invocation,
): Promise<Iterable<string>> {
  const { toJson } = invocation.terminal;
  switch (format) {
    case "json": {
      const reports = reportsOf(total).map(({ ended: { typical, base }, report }) => ({ report, typical, base }));
      return renderJsonOfSeveral(head(total), reports, { faults: faultsOf(total) }, toJson);
    }
    case "ndjson":
      return [`${toJson({ ...head(total), faults: faultsOf(total) })}\n`];
    case "keys": {
      const entries = reportsOf(total).flatMap(({ report }) => report.entries);
      return renderKeys(entries, invocation.flags.json ?? [], toJson);
    }
    case "line":
      return invocation.flags.quiet ? [] : [lines(total)];
    case "summary":
      return invocation.flags.quiet ? [] : [lines(total) || `${totalLine(total)}\n`];
    case "plan":
    case "table":
      return invocation.flags.quiet ? [] : [await tables(total, invocation)];
  }
}

/** Renders the plans of several bases, as they are shown before a question. */
export async function renderPlans(total: CombinedOutcome, invocation: Invocation): Promise<string> {
  return await tables(total, invocation, { isPlan: true });
}

/** Renders the combined outcome in one line. */
export function totalLine(total: CombinedOutcome): string {
  return `stuck-jobs ${total.command}: ${outcomeInWords(total)}`;
}

function head(total: CombinedOutcome) {
  const { command, dryRun, startedAt, finishedAt, summary, requests } = total;
  return {
    schema: "stuck-jobs/reports@1",
    command,
    dryRun,
    version: VERSION,
    startedAt: new Date(startedAt).toISOString(),
    finishedAt: new Date(finishedAt).toISOString(),
    durationMs: finishedAt - startedAt,
    summary,
    requests,
  };
}

function faultsOf({ ended }: CombinedOutcome) {
  return ended.flatMap(({ base, fault, code }) =>
    fault === null ? [] : [{ ...ofBase(base), message: fault, exitCode: code }],
  );
}

/** For cron: a line for each base with a change or a failure, and the total; nothing where there is none. */
function lines(total: CombinedOutcome): string {
  const reported = reportsOf(total).filter(({ report }) => isWorthALine(report));
  if (reported.length === 0) return "";
  const each = reported.map(
    ({ ended, report }) => `stuck-jobs ${total.command}: ${ended.base.name}: ${outcomeLine(report)}`,
  );
  return [...each, totalLine(total)].map((line) => `${line}\n`).join("");
}

/** For people: a table for each base with stuck jobs, and the total. */
async function tables(total: CombinedOutcome, invocation: Invocation, options = { isPlan: false }): Promise<string> {
  const stuck = reportsOf(total).filter(({ report }) => report.entries.length > 0);
  const parts = await Promise.all(
    stuck.map(async ({ ended, report }) => {
      return `${headingOf(ended)}\n\n${await tableOf(report, invocation, ended.settings, ended.typical, options)}\n`;
    }),
  );
  const { storage } = total.requests;
  const seconds = ((total.finishedAt - total.startedAt) / 1000).toFixed(1);
  const cost = `${storeRequests(total.requests)}, ${pluralize(storage, "probe")}, ${seconds} s`;
  return `${parts.join("")}${outcomeInWords(total)}.\n${cost}\n`;
}

function headingOf({ base: { name, id } }: BaseOutcome): string {
  return makeVisible(name === id ? id : `${name} (${id})`);
}

/** "50 bases: 3 stuck jobs: 2 recovered, 1 failed; 47 with nothing stuck, 1 not swept". */
function outcomeInWords(total: CombinedOutcome): string {
  const reports = reportsOf(total);
  const quiet = reports.filter(({ report }) => report.entries.length === 0).length;
  const missing = total.ended.length - reports.length;
  const rest = [
    ...(quiet > 0 ? [`${quiet} with nothing stuck`] : []),
    ...(missing > 0 ? [`${missing} not swept`] : []),
  ].join(", ");
  const { summary } = total;
  const all = reports.map(({ report }) => report);
  const jobs = summary.stuck === 0 ? [] : [countsInWords(all, summary, total)];
  return `${pluralize(total.ended.length, "base")}: ${[...jobs, ...(rest === "" ? [] : [rest])].join("; ")}`;
}

function reportsOf({ ended }: CombinedOutcome): readonly { readonly ended: BaseOutcome; readonly report: Report }[] {
  return ended.flatMap((each) => {
    const report = each.outcome?.report ?? null;
    return report === null ? [] : [{ ended: each, report }];
  });
}
