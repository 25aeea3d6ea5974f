import { type Command, Option } from "commander";
import { ConfigError } from "../../config/problems.ts";
import type { Settings } from "../../config/settings.ts";
import { listPastRuns } from "../../core/undo/past-runs.ts";
import type { Sandbox } from "../../sandbox/server.ts";
import { type CommandContext, configureLog, type Invocation } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { baseOption, type Flags, sandboxOption, wholeNumber } from "../options.ts";
import { renderRunsJson, runLines } from "../render/runs.ts";
import { journalNameOf, readPast } from "../run/open-journal.ts";
import { openSandbox } from "../sandbox.ts";
import { readSettings } from "../settings/read-settings.ts";

/** Adds `stuck-jobs runs`: lists the runs in the journal. */
export function addRuns(program: Command, context: CommandContext): void {
  program
    .command("runs")
    .description(
      "Lists the runs in the journal that wrote something, the newest first, with the number of jobs that each recovered and failed, and that a later undo reverted. Reads only the journal.",
    )
    .addOption(new Option("--limit <n>", "only the newest n runs").argParser(wholeNumber(1)))
    .addOption(new Option("-o, --output <format>", "table (text) or json").choices(["table", "json"]))
    .option("--journal <path>", "the journal to read (default: in the state folder)")
    .option("--config <file>", "read this configuration file")
    .addOption(baseOption())
    .addOption(sandboxOption("list the runs of the embedded sandbox instead of a base"))
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs runs
  stuck-jobs undo "$(stuck-jobs runs --limit 1 -o json | jq -r '.runs[0].runId')" --dry-run`,
    )
    .action(async (flags: Omit<Flags, "color">) => {
      configureLog("runs", flags, context.terminal);
      context.exit(await listRuns({ ...flags, color: false }, context));
    });
}

async function listRuns(flags: Flags, { env, terminal }: CommandContext): Promise<ExitCode> {
  const sandbox = flags.sandbox ? await openSandbox(flags.sandbox, { delayedWebhook: false }) : null;
  try {
    const settings = await settingsOf({ command: "scan", flags, env, terminal }, sandbox);
    if (settings === "disabled") return EXIT.success;
    const name = journalNameOf(settings, env);
    if (name === null)
      throw new ConfigError([{ path: "--journal", message: "the journal is disabled; runs needs one" }]);
    const past = await readPast(settings, env);
    // Before the first write there is no file; a journal that was named must exist.
    if (past === null && flags.journal !== undefined) {
      throw new ConfigError([{ path: "--journal", message: `found no journal at ${name}` }]);
    }
    const runs = past === null ? [] : listPastRuns(past.writes, past.webhooks).slice(0, flags.limit);
    if (flags.output === "json") terminal.out(renderRunsJson(runs, terminal.toJson));
    else if (runs.length === 0) terminal.log(`no run has written yet (${name})`);
    else
      terminal.out(
        runLines(runs)
          .map((line) => `${line}\n`)
          .join(""),
      );
    return EXIT.success;
  } finally {
    await sandbox?.close();
  }
}

/** Stands in for a token; it is redacted from the output as one, so it is no word that the output may hold. */
const NO_TOKEN = "no-token-for-the-journal";

/** Reads the settings. A token is not needed: only the journal is read. */
async function settingsOf(invocation: Invocation, sandbox: Sandbox | null): Promise<Settings | "disabled"> {
  try {
    return await readSettings(invocation, sandbox);
  } catch (error) {
    const lacksToken = error instanceof ConfigError && error.problems.some(({ path }) => path === "AIRTABLE_API_KEY");
    if (!lacksToken) throw error;
    return await readSettings({ ...invocation, env: { ...invocation.env, AIRTABLE_API_KEY: NO_TOKEN } }, sandbox);
  }
}
