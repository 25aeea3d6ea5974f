import { ConfigError } from "../../config/problems.ts";
import type { Invocation } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Format } from "../render/print-report.ts";
import type { Configured } from "../settings/select-bases.ts";
import type { RunStatus } from "./interval-loop.ts";
import { type RunResult, runOnce } from "./run-base.ts";
import type { Shutdown } from "./signals.ts";

/** The outcome of a run over one base or all. */
export interface ConfiguredRun {
  readonly code: ExitCode;
  readonly status: RunStatus;
}

/** Runs one sweep of the configured base, or of every base of the list. */
export async function runConfigured(
  invocation: Invocation,
  { bases, isList }: Configured,
  format: Format,
  stop: Shutdown,
): Promise<ConfiguredRun> {
  if (!isList) {
    const ran = await runOnce(invocation, bases[0], format, stop);
    return { code: ran === "locked" ? EXIT.locked : ran.code, status: statusOf(ran) };
  }
  if (invocation.flags.confirm) {
    throw new ConfigError([{ path: "--confirm", message: "found several bases; expected one, chosen with --base" }]);
  }
  const { runMany } = await import("./run-bases.ts");
  const { code, ended } = await runMany(invocation, bases, format, stop);
  const statuses = ended.map(({ outcome }) => statusOf(outcome ?? "locked"));
  // One failing base is no reason to sweep the others less often.
  return {
    code,
    status: statuses.find((each) => each === "ok") ?? statuses.find((each) => each === "failed") ?? "skipped",
  };
}

function statusOf(ran: RunResult): RunStatus {
  if (ran === "locked") return "skipped";
  return ran.fault !== null || ran.code === EXIT.unavailable ? "failed" : "ok";
}
