import type { Settings } from "../../config/settings.ts";
import type { Report } from "../../core/domain/report.ts";
import type { Invocation } from "../context.ts";
import type { TypicalDurations } from "../learned-durations.ts";
import type { OutputFormat } from "../options.ts";
import { renderJson, renderNdjsonSummary } from "./json.ts";
import { renderLine } from "./line.ts";
import { recordUrls, takesLinks } from "./links.ts";
import { usualLines } from "./summary.ts";
import { chalkFor, renderTable } from "./table.ts";

/** How a report is printed; "line" is for cron and pipes. */
export type Format = OutputFormat | "line";

/** What was asked for, else what serves whoever reads stdout. */
export function formatOf({ flags, terminal }: Pick<Invocation, "flags" | "terminal">): Format {
  return flags.output ?? (terminal.stdoutIsTerminal ? "table" : "line");
}

/** Prints a report on stdout. Of ndjson only the last line: its jobs were printed as they were settled. */
export async function printReport(
  report: Report,
  format: Format,
  { flags, terminal, env }: Invocation,
  settings: Settings,
  usual: TypicalDurations,
): Promise<void> {
  switch (format) {
    case "json":
      return await terminal.outAll(renderJson(report, usual, settings.base));
    case "ndjson":
      return terminal.out(renderNdjsonSummary(report, settings.base));
    case "line":
      return flags.quiet ? undefined : terminal.out(renderLine(report));
    case "table":
      return flags.quiet ? undefined : terminal.out(tableOf(report, { flags, terminal, env }, settings, usual));
  }
}

/** The report as a table, with what a person may want to know besides. */
export function tableOf(
  report: Report,
  { flags, terminal, env }: Pick<Invocation, "flags" | "terminal" | "env">,
  settings: Settings,
  usual: TypicalDurations,
): string {
  const styled = terminal.stdoutIsTerminal;
  const table = renderTable(report, {
    columns: terminal.columns,
    chalk: chalkFor(flags, { env, terminal }),
    all: flags.all === true,
    urlOf: styled && takesLinks(env) ? recordUrls(settings.airtable.baseId, settings.jobs.table) : null,
  });
  const lines = usualLines(report, usual).map((line) => `${line}\n`);
  return `${table}${lines.join("")}`;
}
