import { ConfigError, type Problem } from "../problems.ts";
import { readStorageKeys, type StorageKeys } from "./storage-credentials.ts";
import { type Env, readSecret, readSecretFile, readVariable } from "./variables.ts";

/** The values of the environment's variables; null where one is not set. The names are part of the contract. */
export interface Environment {
  readonly token: string | null;
  readonly baseId: string | null;
  /** The URL of the database; a secret. */
  readonly databaseUrl: string | null;
  readonly endpointUrl: string | null;
  readonly requestsPerSecond: number | null;
  readonly storageUrl: string | null;
  readonly storageKeys: StorageKeys;
  readonly pollingEnabled: boolean;
  readonly maxAgeHours: number | null;
  readonly intervalMinutes: number;
  readonly metricsFile: string | null;
  readonly pingDialect: string | null;
  readonly notifyEmail: string | null;
  readonly ncaBaseUrl: string | null;
  readonly goapiBaseUrl: string | null;
  /** Reads another secret: NAME, the file of NAME_FILE, or the credential NAME. Adds to `problems` if it cannot be read. */
  secret(name: string, problems: Problem[]): string | null;
  /** Reads a secret from a file that the configuration names under a key. Adds to `problems` if it cannot be read. */
  secretFile(path: string, key: string, problems: Problem[]): string | null;
}

/** The default of POLLING_INTERVAL_MINUTES; the deadline and the schedule derive from it. */
const DEFAULT_INTERVAL_MINUTES = 2;

/**
 * Reads the environment.
 *
 * @throws ConfigError with every variable that has no valid value
 */
export function readEnvironment(env: Env): Environment {
  const problems: Problem[] = [];
  const number = (name: string, isAllowed: (value: number) => boolean, allowed: string): number | null => {
    const found = readVariable(env, name);
    if (found === null) return null;
    const value = Number(found);
    if (Number.isFinite(value) && isAllowed(value)) return value;
    problems.push({ path: name, message: `found "${found}"; expected ${allowed}` });
    return null;
  };
  const flag = (name: string): boolean | null => {
    const found = readVariable(env, name)?.toLowerCase() ?? null;
    if (found === null) return null;
    if (["true", "1", "yes", "on"].includes(found)) return true;
    if (["false", "0", "no", "off"].includes(found)) return false;
    problems.push({ path: name, message: `found "${found}"; expected true or false` });
    return null;
  };
  const environment: Environment = {
    token: readSecret(env, "AIRTABLE_API_KEY", problems) ?? readSecret(env, "AIRTABLE_TOKEN", problems),
    baseId: readVariable(env, "AIRTABLE_BASE_ID"),
    databaseUrl: readSecret(env, "STUCK_JOBS_DATABASE_URL", problems) ?? readSecret(env, "DATABASE_URL", problems),
    endpointUrl: readVariable(env, "AIRTABLE_ENDPOINT_URL"),
    requestsPerSecond: number("STUCK_JOBS_AIRTABLE_RPS", (n) => n > 0 && n <= 5, "a number above 0, at most 5"),
    storageUrl: readVariable(env, "STUCK_JOBS_STORAGE_URL"),
    storageKeys: readStorageKeys(env),
    pollingEnabled: flag("POLLING_ENABLED") ?? true,
    maxAgeHours: number("POLLING_MAX_AGE_HOURS", (n) => n > 0, "a number of hours above 0"),
    intervalMinutes: number("POLLING_INTERVAL_MINUTES", (n) => n > 0, "a number above 0") ?? DEFAULT_INTERVAL_MINUTES,
    metricsFile: readVariable(env, "STUCK_JOBS_METRICS_FILE"),
    pingDialect: readVariable(env, "STUCK_JOBS_PING_DIALECT"),
    notifyEmail: readVariable(env, "STUCK_JOBS_NOTIFY_EMAIL"),
    ncaBaseUrl: readVariable(env, "NCA_BASE_URL"),
    goapiBaseUrl: readVariable(env, "GOAPI_BASE_URL"),
    secret: (name, found) => readSecret(env, name, found),
    secretFile: readSecretFile,
  };
  if (environment.token !== null) problems.push(...tokenProblems(environment.token, "AIRTABLE_API_KEY"));
  if (problems.length > 0) throw new ConfigError(problems);
  return environment;
}

/** Returns what keeps a text from being sent as a token; most often it is a line break that was copied along. */
export function tokenProblems(token: string, path: string): readonly Problem[] {
  if (/^[\x21-\x7e]+$/.test(token)) return [];
  return [{ path, message: "found a space, a line break or another character that no token has" }];
}
