import { type Command, Option } from "commander";
import type { BaseRef } from "../../config/settings.ts";
import { AccountOwners } from "../../doctor/accounts.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodeOfChecks } from "../exit-codes.ts";
import { baseOption, type SandboxName, sandboxOption } from "../options.ts";
import { type Diagnosis, renderDiagnosesJson, renderDiagnosis } from "../render/doctor.ts";
import { chalkFor } from "../render/table.ts";
import { diagnose } from "../run/doctor/diagnose.ts";
import { openSandbox } from "../sandbox.ts";
import { findConfiguration } from "../settings/find-configuration.ts";

/** The flags of `stuck-jobs doctor`. */
export interface DoctorFlags {
  readonly output?: "table" | "json";
  readonly quiet?: boolean;
  readonly color: boolean;
  readonly config?: string;
  readonly base?: readonly string[];
  readonly sandbox?: SandboxName;
}

/** Adds `stuck-jobs doctor`: checks everything a sweep depends on. */
export function addDoctor(program: Command, context: CommandContext): void {
  program
    .command("doctor")
    .description(
      "Checks the configuration, the token and its scopes, every configured table, field and select option, the storage and its answer for missing files, the providers, the clock, the lock, notes of other pollers, and the share of Airtable's monthly calls that the schedule takes. Never writes to the base.",
    )
    .addOption(new Option("-o, --output <format>", "table (text) or json").choices(["table", "json"]))
    .option("-q, --quiet", "print only warnings and failures")
    .option("--no-color", "no colours")
    .option("--config <file>", "read this configuration file")
    .addOption(baseOption())
    .addOption(sandboxOption("check the embedded sandbox instead of a base"))
    .addHelpText(
      "after",
      `
Exit codes: 0 passed, also with warnings; 2 the configuration or the base's schema does not fit;
  4 the token was refused; 5 Airtable or the storage is unavailable.

Examples:
  stuck-jobs doctor                       before the first recover, and after each change to the base
  stuck-jobs doctor --sandbox             see a check that passes
  stuck-jobs doctor -o json | jq .worst   for scripts: "pass", "warn" or "fail"`,
    )
    .action(async (flags: DoctorFlags) => {
      context.exit(await runDoctor(flags, context));
    });
}

/** Runs doctor and returns its exit code. */
export async function runDoctor(flags: DoctorFlags, { env, terminal }: CommandContext): Promise<ExitCode> {
  const sandbox = flags.sandbox ? await openSandbox(flags.sandbox, { delayedWebhook: false }) : null;
  try {
    const found = await findConfiguration(env, { file: flags.config ?? null, bases: flags.base ?? null }, sandbox);
    for (const { environment, settings } of found) {
      for (const secret of [environment.token, ...(settings?.secrets ?? [])]) {
        if (secret !== null) terminal.addSecret(secret);
      }
    }
    const owners = new AccountOwners();
    const diagnoses: (Diagnosis & { readonly base: BaseRef | null })[] = [];
    for (const each of found) {
      const diagnosis = {
        base: each.settings?.base ?? null,
        ...(await diagnose(each, env, flags.base === undefined ? found : null, owners)),
      };
      diagnoses.push(diagnosis);
      if (flags.output === "json") continue;
      const heading = found.length === 1 ? "" : `${diagnosis.base?.name} (${diagnosis.base?.id})\n\n`;
      const canvas = { columns: terminal.columns, chalk: chalkFor(flags, { env, terminal }) };
      const page = renderDiagnosis(diagnosis, flags.quiet === true, canvas);
      terminal.out(page === "" ? "" : `${heading}${page}${found.length === 1 ? "" : "\n"}`);
    }
    if (flags.output === "json") terminal.out(renderDiagnosesJson(diagnoses, terminal.toJson));
    return exitCodeOfChecks(diagnoses.flatMap(({ findings }) => findings));
  } finally {
    await sandbox?.close();
  }
}
