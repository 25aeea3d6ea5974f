import { createInterface } from "node:readline/promises";
import type { Entry } from "../../core/domain/report.ts";
import type { Confirmation } from "../../core/sweep/context.ts";
import { formatDuration } from "./format.ts";

/** Asks at the terminal about one job; anything but yes is no. */
export async function promptConfirmation({ id, operation, age, verdict }: Entry): Promise<Confirmation> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const what = verdict.kind === "fail" ? "Fail" : "Recover";
    const answer = await terminal.question(`${what} ${id} (${operation}, ${formatDuration(age)})? [y/N] `);
    return /^y(es)?$/i.test(answer.trim()) ? "yes" : "no";
  } finally {
    terminal.close();
  }
}
