import { makeVisible } from "../../core/domain/visible.ts";
import type { PastRun } from "../../core/undo/past-runs.ts";
import type { ToJson } from "../terminal/terminal.ts";

/** The past runs as one document: `stuck-jobs/runs@1`. */
export function renderRunsJson(runs: readonly PastRun[], toJson: ToJson): string {
  const document = {
    schema: "stuck-jobs/runs@1",
    runs: runs.map((run) => ({ ...run, startedAt: new Date(run.startedAt).toISOString() })),
  };
  return `${toJson(document, 2)}\n`;
}

/** Renders a line for each past run, below a head. */
export function runLines(runs: readonly PastRun[]): readonly string[] {
  const head = ["run", "started (UTC)", "command", "recovered", "failed", "undone"];
  const rows = runs.map(({ runId, startedAt, command, recovered, failed, undone }) => [
    runId,
    new Date(startedAt).toISOString().slice(0, 19).replace("T", " "),
    command,
    ...[recovered, failed, undone].map(String),
  ]);
  const table = [head, ...rows].map((row) => row.map(makeVisible));
  const widths = head.map((_, n) => Math.max(...table.map((row) => row[n]?.length ?? 0)));
  return table.map((row) =>
    row
      .map((cell, n) => cell.padEnd(widths[n] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
