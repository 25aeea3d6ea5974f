import type { Env } from "../config/environment.ts";
import type { DoctorFlags } from "./commands/doctor.ts";
import { diagnose } from "./diagnose.ts";
import { type ExitCode, exitCodeOfFindings } from "./exit-codes.ts";
import { findConfiguration } from "./find-configuration.ts";
import { type Diagnosis, renderDiagnosis, renderDiagnosisJson } from "./render/doctor.ts";
import { openSandbox } from "./sandbox.ts";
import type { Terminal } from "./terminal.ts";

/** Runs doctor from flags to exit code. */
export async function runDoctor(
  flags: DoctorFlags,
  { env, terminal }: { readonly env: Env; readonly terminal: Terminal },
): Promise<ExitCode> {
  const sandbox = flags.sandbox ? await openSandbox({ lateWebhook: false }) : null;
  try {
    const found = await findConfiguration(env, flags.config ?? null, sandbox);
    for (const secret of [found.environment.token, ...(found.settings?.secrets ?? [])]) {
      if (secret !== null) terminal.keepSecret(secret);
    }
    const diagnosis = await diagnose(found);
    terminal.out(
      flags.output === "json" ? renderDiagnosisJson(diagnosis) : await page(diagnosis, flags, terminal, env),
    );
    return exitCodeOfFindings(diagnosis.findings);
  } finally {
    await sandbox?.close();
  }
}

async function page(diagnosis: Diagnosis, flags: DoctorFlags, terminal: Terminal, env: Env): Promise<string> {
  const { Chalk, supportsColor } = await import("chalk");
  const level = flags.color && terminal.stdoutIsTerminal && !env.NO_COLOR && supportsColor ? supportsColor.level : 0;
  return renderDiagnosis(diagnosis, flags.quiet === true, { columns: terminal.columns, chalk: new Chalk({ level }) });
}
