import { type Environment, readEnvironment } from "../../config/env/environment.ts";
import { readStorageKeys } from "../../config/env/storage-credentials.ts";
import type { Env } from "../../config/env/variables.ts";
import { type ConfigFile, readConfigFile } from "../../config/file/read-config-file.ts";
import { ConfigError, type Problem } from "../../config/problems.ts";
import type { Settings } from "../../config/settings.ts";
import type { Found } from "../../doctor/configuration.ts";
import type { Sandbox } from "../../sandbox/server.ts";
import { listsBases, resolveConfigured } from "./select-bases.ts";

/** The configuration with all its problems, none of which is thrown. */
export interface FoundConfiguration extends Found {
  readonly environment: Environment;
  /** Whether there is a token and a base id; without them the settings hold stand-ins. */
  readonly hasBase: boolean;
  /** Whether base and bucket are the embedded ones. */
  readonly isSandbox: boolean;
}

/** Problems of the base alone: storage and providers can still be checked. */
const BASE_PROBLEM_PATHS = /^(AIRTABLE_(API_KEY|TOKEN)(_FILE)?|airtable\.baseId)$/;

const [NO_TOKEN, NO_BASE] = ["", "appNone"];

/**
 * Finds the configuration of the base, or of each of several.
 *
 * @param named the configuration file, and the bases of its list that are requested; null where none is named
 * @param sandbox stands in for the base and the bucket, and for the configuration file; null without one
 */
export async function findConfiguration(
  env: Env,
  named: { readonly file: string | null; readonly bases: readonly string[] | null },
  sandbox: Sandbox | null,
): Promise<readonly FoundConfiguration[]> {
  const problems: Problem[] = [];
  const read = environmentOf(sandbox === null ? env : { ...env, ...sandbox.env }, problems);
  const environment = sandbox === null ? read : { ...read, storageKeys: readStorageKeys({}) };
  const file = sandbox === null ? await fileOf(named.file, problems) : { path: null, content: sandbox.config };
  const found = file === null ? [null] : settingsOf(file, environment, named.bases, problems);
  return found.map((settings) => ({
    environment,
    path: file?.path ?? null,
    problems,
    settings,
    hasBase: !problems.some(({ path }) => BASE_PROBLEM_PATHS.test(path)),
    isSandbox: sandbox !== null,
    enabled: environment.pollingEnabled,
  }));
}

/** Reads the environment without its invalid variables. */
function environmentOf(env: Env, problems: Problem[]): Environment {
  try {
    return readEnvironment(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    const wrong = new Set([...error.problems.map(({ path }) => path), "CREDENTIALS_DIRECTORY"]);
    return readEnvironment(Object.fromEntries(Object.entries(env).filter(([name]) => !wrong.has(name))));
  }
}

/** Reads the file; null where it is invalid. */
async function fileOf(named: string | null, problems: Problem[]): Promise<ConfigFile | null> {
  try {
    return await readConfigFile(named, process.cwd());
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    return null;
  }
}

/** Resolves the settings of each base; one null where the problems forbid it. */
function settingsOf(
  file: ConfigFile,
  environment: Environment,
  named: readonly string[] | null,
  problems: Problem[],
): readonly (Settings | null)[] {
  try {
    return resolveConfigured(file, environment, named, {}).bases;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // Why a token could not be read is more precise than that there is none.
    const isKnown = problems.some(({ path }) => BASE_PROBLEM_PATHS.test(path));
    problems.push(...error.problems.filter(({ path }) => !isKnown || path !== "AIRTABLE_API_KEY"));
    if (!error.problems.every(({ path }) => isLacking(path, file))) return [null];
    const { token, baseId } = environment;
    const standIn = listsBases(file) ? baseId : (baseId ?? NO_BASE);
    return resolveConfigured(file, { ...environment, token: token ?? NO_TOKEN, baseId: standIn }, named, {}).bases;
  }
}

/** Returns whether the problem is a missing token or base id. Beside a list of bases an id is wrong, not missing. */
function isLacking(path: string, file: ConfigFile): boolean {
  return BASE_PROBLEM_PATHS.test(path) && !(listsBases(file) && path === "airtable.baseId");
}
