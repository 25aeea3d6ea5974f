import type { Settings } from "../../config/settings.ts";
import type { Report } from "../../core/domain/report.ts";
import type { Invocation } from "../context.ts";
import type { TypicalDurations } from "../learned-durations.ts";
import type { OutputFormat } from "../options.ts";
import { renderJson, renderKeys, renderNdjsonSummary } from "./json.ts";
import { renderLine, summaryLine } from "./line.ts";
import { recordUrls, takesLinks } from "./links.ts";
import { typicalLines } from "./summary.ts";

/**
 * How a report is printed. "line" is for cron and pipes: one line where something changed; "summary" is that line in any
 * case; "keys" is for --json; "plan" is a table on stderr, before a question.
 */
export type Format = OutputFormat | "line" | "summary" | "keys" | "plan";

/** Returns the requested format, else a table on a terminal and a line elsewhere. */
export function formatOf({ flags, terminal }: Pick<Invocation, "flags" | "terminal">): Format {
  if (flags.json !== undefined) return "keys";
  return flags.output ?? (terminal.stdoutIsTerminal ? "table" : "line");
}

/** Prints a report on stdout. As ndjson only its last line: the jobs were printed when they were done. */
export async function printReport(
  report: Report,
  format: Format,
  { flags, terminal, env }: Invocation,
  settings: Settings,
  typical: TypicalDurations,
): Promise<void> {
  switch (format) {
    case "json":
      return await terminal.outAll(renderJson(report, typical, settings.base, terminal.toJson));
    case "ndjson":
      return terminal.out(renderNdjsonSummary(report, settings.base, terminal.toJson));
    case "keys":
      return await terminal.outAll(renderKeys(report.entries, flags.json ?? [], terminal.toJson));
    case "line":
      return flags.quiet ? undefined : terminal.out(renderLine(report));
    case "summary":
      return flags.quiet ? undefined : terminal.out(`${summaryLine(report)}\n`);
    case "plan":
      return terminal.show(await tableOf(report, { flags, terminal, env }, settings, typical, { isPlan: true }));
    case "table":
      return flags.quiet ? undefined : terminal.out(await tableOf(report, { flags, terminal, env }, settings, typical));
  }
}

/** Renders the report as a table, with the typical durations below. */
export async function tableOf(
  report: Report,
  { flags, terminal, env }: Pick<Invocation, "flags" | "terminal" | "env">,
  settings: Settings,
  typical: TypicalDurations,
  { isPlan }: { readonly isPlan: boolean } = { isPlan: false },
): Promise<string> {
  // Most runs print no table.
  const { chalkFor, renderTable } = await import("./table.ts");
  const styled = terminal.stdoutIsTerminal;
  const table = renderTable(report, {
    // A pipe gets every column, whole.
    columns: styled || isPlan ? terminal.columns : Number.POSITIVE_INFINITY,
    chalk: chalkFor(flags, { env, terminal }),
    all: flags.all === true,
    isPlan,
    urlOf: styled && takesLinks(env) ? recordUrls(settings.store.baseId, settings.jobs.table) : null,
  });
  const lines = typicalLines(report, typical).map((line) => `${line}\n`);
  return `${table}${lines.join("")}`;
}
