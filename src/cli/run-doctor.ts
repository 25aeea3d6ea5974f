import type { Env } from "../config/env/variables.ts";
import type { BaseRef } from "../config/settings.ts";
import type { DoctorFlags } from "./commands/doctor.ts";
import { type ExitCode, exitCodeOfFindings } from "./exit-codes.ts";
import { type Diagnosis, renderDiagnosesJson, renderDiagnosis } from "./render/doctor.ts";
import { diagnose } from "./run/diagnose.ts";
import { openSandbox } from "./sandbox.ts";
import { findConfiguration } from "./settings/find-configuration.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** Runs doctor from flags to exit code. */
export async function runDoctor(
  flags: DoctorFlags,
  { env, terminal }: { readonly env: Env; readonly terminal: Terminal },
): Promise<ExitCode> {
  const sandbox = flags.sandbox ? await openSandbox({ lateWebhook: false }) : null;
  try {
    const found = await findConfiguration(env, { file: flags.config ?? null, bases: flags.base ?? null }, sandbox);
    for (const { environment, settings } of found) {
      for (const secret of [environment.token, ...(settings?.secrets ?? [])]) {
        if (secret !== null) terminal.addSecret(secret);
      }
    }
    const diagnoses: (Diagnosis & { readonly base: BaseRef | null })[] = [];
    for (const each of found) {
      const diagnosis = { base: each.settings?.base ?? null, ...(await diagnose(each)) };
      diagnoses.push(diagnosis);
      if (flags.output === "json") continue;
      const heading = found.length === 1 ? "" : `${diagnosis.base?.name} (${diagnosis.base?.id})\n\n`;
      const told = await page(diagnosis, flags, terminal, env);
      terminal.out(told === "" ? "" : `${heading}${told}${found.length === 1 ? "" : "\n"}`);
    }
    if (flags.output === "json") terminal.out(renderDiagnosesJson(diagnoses));
    return exitCodeOfFindings(diagnoses.flatMap(({ findings }) => findings));
  } finally {
    await sandbox?.close();
  }
}

async function page(diagnosis: Diagnosis, flags: DoctorFlags, terminal: Terminal, env: Env): Promise<string> {
  const { Chalk, supportsColor } = await import("chalk");
  const level = flags.color && terminal.stdoutIsTerminal && !env.NO_COLOR && supportsColor ? supportsColor.level : 0;
  return renderDiagnosis(diagnosis, flags.quiet === true, { columns: terminal.columns, chalk: new Chalk({ level }) });
}
