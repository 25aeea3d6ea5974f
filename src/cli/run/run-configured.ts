import { ConfigError } from "../../config/problems.ts";
import type { Invocation } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Format } from "../render/print-report.ts";
import type { Configured } from "../settings/select-bases.ts";
import type { RunStatus } from "./interval-loop.ts";
import { type RunResult, runOnce } from "./run-base.ts";
import type { Shutdown } from "./signals.ts";

/** How a run of the base, or of all bases, went. */
export interface Run {
  readonly code: ExitCode;
  readonly ending: RunStatus;
}

/** Runs over the base that is configured, or over all of the list. */
export async function runConfigured(
  invocation: Invocation,
  { bases, isList }: Configured,
  format: Format,
  stop: Shutdown,
): Promise<Run> {
  if (!isList) {
    const ran = await runOnce(invocation, bases[0], format, stop);
    return { code: ran === "locked" ? EXIT.locked : ran.code, ending: endingOf(ran) };
  }
  if (invocation.flags.confirm) {
    throw new ConfigError([{ path: "--confirm", message: "asks about the jobs of one base; pick it with --base" }]);
  }
  const { runMany } = await import("./run-bases.ts");
  const { code, ended } = await runMany(invocation, bases, format, stop);
  const endings = ended.map(({ outcome }) => endingOf(outcome ?? "locked"));
  // One base in trouble is no reason to sweep the others less often.
  return {
    code,
    ending: endings.find((each) => each === "well") ?? endings.find((each) => each === "trouble") ?? "skipped",
  };
}

function endingOf(ran: RunResult): RunStatus {
  if (ran === "locked") return "skipped";
  return ran.fault !== null || ran.code === EXIT.unavailable ? "trouble" : "well";
}
