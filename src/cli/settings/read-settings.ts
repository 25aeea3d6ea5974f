import { readEnvironment } from "../../config/env/environment.ts";
import { readStorageKeys } from "../../config/env/storage-credentials.ts";
import { readConfigFile } from "../../config/file/read-config-file.ts";
import { ConfigError } from "../../config/problems.ts";
import type { Settings } from "../../config/settings.ts";
import { suggestSpelling } from "../../config/suggest.ts";
import type { Sandbox } from "../../sandbox/server.ts";
import type { Invocation } from "../context.ts";
import { SANDBOX_JOURNAL } from "../sandbox.ts";
import { type Configured, requireSingleBase, resolveConfigured } from "./select-bases.ts";

/**
 * Reads the settings of one base from flags, environment and configuration file; "disabled" where POLLING_ENABLED=false
 * forbids writing. Secrets found here are redacted from then on.
 *
 * @param sandbox stands in for the base and the bucket, and for the configuration file; null without one
 * @throws ConfigError with everything that is wrong
 */
export async function readSettings(invocation: Invocation, sandbox: Sandbox | null): Promise<Settings | "disabled"> {
  const found = await readBases(invocation, sandbox);
  return found === "disabled" ? found : requireSingleBase(found);
}

/** Reads the settings of the base, or of each of several. */
export async function readBases(
  { command, flags, env, terminal }: Invocation,
  sandbox: Sandbox | null,
): Promise<Configured | "disabled"> {
  const environment = readEnvironment(sandbox === null ? env : { ...env, ...sandbox.env });
  if (environment.token !== null) terminal.addSecret(environment.token);
  if (!environment.pollingEnabled && command !== "scan") return "disabled";
  const file =
    sandbox === null
      ? await readConfigFile(flags.config ?? null, process.cwd())
      : { path: null, content: sandbox.config };
  // The sandbox's bucket is public; credentials for another bucket must not be sent to it.
  const effective = sandbox === null ? environment : { ...environment, storageKeys: readStorageKeys({}) };
  const found = resolveConfigured(file, effective, flags.base ?? null, {
    stuckAfter: flags.olderThan,
    failAfter: flags.failAfter,
    maxAge: flags.maxAge === "none" ? null : flags.maxAge,
    concurrency: flags.concurrency,
    deadline: flags.deadline,
    via: flags.via,
    journal: flags.journal ?? (sandbox === null ? undefined : SANDBOX_JOURNAL),
    monitoring: {
      metricsFile: flags.metricsFile,
      pingUrl: flags.pingUrl,
      notifyUrl: flags.notifyUrl,
      flagsOnly: sandbox !== null || !isScheduled({ command, flags }),
    },
  });
  for (const { secrets } of found.bases) for (const secret of secrets) terminal.addSecret(secret);
  checkOperations(flags.operation ?? [], found.bases);
  return found;
}

/** Returns whether this may be the sweep of a scheduler, which is reported to monitoring. */
function isScheduled({ command, flags }: Pick<Invocation, "command" | "flags">): boolean {
  return command === "recover" && !flags.dryRun && !flags.confirm && flags.job === undefined;
}

function checkOperations(named: readonly string[], bases: readonly Settings[]): void {
  const known = [...new Set(bases.flatMap(({ operations }) => operations.map(({ name }) => name)))];
  const problems = named
    .filter((name) => !known.includes(name))
    .map((name) => {
      const guess = suggestSpelling(name, known);
      const suggestion = guess === null ? "" : ` Did you mean ${guess}?`;
      return { path: "--operation", message: `found "${name}"; expected one of ${known.join(", ")}.${suggestion}` };
    });
  if (problems.length > 0) throw new ConfigError(problems);
}
