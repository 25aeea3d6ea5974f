import { type Command, Option } from "commander";
import type { BaseRef } from "../../config/settings.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodeOfFindings } from "../exit-codes.ts";
import { baseOption } from "../options.ts";
import { type Diagnosis, renderDiagnosesJson, renderDiagnosis } from "../render/doctor.ts";
import { chalkFor } from "../render/table.ts";
import { diagnose } from "../run/diagnose.ts";
import { openSandbox } from "../sandbox.ts";
import { findConfiguration } from "../settings/find-configuration.ts";

/** The flags of `stuck-jobs doctor`. */
export interface DoctorFlags {
  readonly output?: "table" | "json";
  readonly quiet?: boolean;
  readonly color: boolean;
  readonly config?: string;
  readonly base?: readonly string[];
  readonly sandbox?: boolean;
}

/** `stuck-jobs doctor`: what is wrong, before it hurts. */
export function addDoctor(program: Command, context: CommandContext): void {
  program
    .command("doctor")
    .description(
      "Checks the configuration, the token with its scopes, every table, field and select option that is named, the storage and how it answers for what is missing, the providers, the clock, the lock, traces of other pollers, and what the schedule costs of Airtable's monthly calls. Changes nothing, and never writes to the base.",
    )
    .addOption(new Option("-o, --output <format>", "table (a page to read) or json").choices(["table", "json"]))
    .option("-q, --quiet", "print only what is not well")
    .option("--no-color", "no colours")
    .option("--config <file>", "read this configuration file")
    .addOption(baseOption())
    .option("--sandbox", "examine the embedded sandbox instead of a base")
    .addHelpText(
      "after",
      `
Exit codes: 0 well, also with warnings; 2 the configuration, or the base's schema, does not fit;
  4 the token; 5 Airtable or the storage is out of reach.

Examples:
  stuck-jobs doctor                       before the first recover, and after each change to the base
  stuck-jobs doctor --sandbox             what it looks like when all is well
  stuck-jobs doctor -o json | jq .worst   for scripts: "pass", "warn" or "fail"`,
    )
    .action(async (flags: DoctorFlags) => {
      context.exit(await runDoctor(flags, context));
    });
}

/** Runs doctor from flags to exit code. */
export async function runDoctor(flags: DoctorFlags, { env, terminal }: CommandContext): Promise<ExitCode> {
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
      const canvas = { columns: terminal.columns, chalk: chalkFor(flags, { env, terminal }) };
      const page = renderDiagnosis(diagnosis, flags.quiet === true, canvas);
      terminal.out(page === "" ? "" : `${heading}${page}${found.length === 1 ? "" : "\n"}`);
    }
    if (flags.output === "json") terminal.out(renderDiagnosesJson(diagnoses));
    return exitCodeOfFindings(diagnoses.flatMap(({ findings }) => findings));
  } finally {
    await sandbox?.close();
  }
}
