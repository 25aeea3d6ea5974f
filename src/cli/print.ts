import type { Settings } from "../config/settings.ts";
import type { Report } from "../core/report.ts";
import type { Invocation } from "./invocation.ts";
import type { OutputFormat } from "./options.ts";
import { renderJson, renderNdjsonSummary } from "./render/json.ts";
import { renderLine } from "./render/line.ts";

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
): Promise<void> {
  switch (format) {
    case "json":
      return terminal.out(renderJson(report));
    case "ndjson":
      return terminal.out(renderNdjsonSummary(report));
    case "line":
      return flags.quiet ? undefined : terminal.out(renderLine(report));
    case "table": {
      if (flags.quiet) return;
      // What serves people alone: cron and scripts are not made to load it.
      const [{ Chalk, supportsColor }, { renderTable }, { recordUrls, takesLinks }] = await Promise.all([
        import("chalk"),
        import("./render/table.ts"),
        import("./render/links.ts"),
      ]);
      const styled = terminal.stdoutIsTerminal;
      const level = flags.color && styled && !env.NO_COLOR && supportsColor ? supportsColor.level : 0;
      const table = renderTable(report, {
        columns: terminal.columns,
        chalk: new Chalk({ level }),
        all: flags.all === true,
        urlOf: styled && takesLinks(env) ? recordUrls(settings.airtable.baseId, settings.jobs.table) : null,
      });
      return terminal.out(`${table}${report.command === "scan" ? await usual(report, settings, env) : ""}`);
    }
  }
}

/** What `stats --learn` kept, beside what is stuck now: for who looks at jobs, and of no weight in any verdict. */
async function usual(report: Report, settings: Settings, env: Invocation["env"]): Promise<string> {
  const [{ paceFileOf, usualDurations }, { usualLines }] = await Promise.all([
    import("./learned-pace.ts"),
    import("./render/usual.ts"),
  ]);
  const lines = usualLines(report, await usualDurations(paceFileOf(settings, env)));
  return lines.map((line) => `${line}\n`).join("");
}
