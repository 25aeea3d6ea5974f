import { ConfigError, type Problem } from "../problems.ts";
import { readStorageKeys, type StorageKeys } from "./storage-credentials.ts";
import { readSecret, text } from "./variables.ts";

/** The process's environment, or a test's. */
export type Env = Readonly<Record<string, string | undefined>>;

/** What the environment says; null where it is silent. The names are the contract's. */
export interface Environment {
  readonly token: string | null;
  readonly baseId: string | null;
  readonly endpointUrl: string | null;
  readonly requestsPerSecond: number | null;
  readonly storageUrl: string | null;
  readonly storageKeys: StorageKeys;
  readonly pollingEnabled: boolean;
  readonly maxAgeHours: number | null;
  readonly intervalMinutes: number;
  readonly metricsFile: string | null;
  readonly ncaBaseUrl: string | null;
  readonly goapiBaseUrl: string | null;
  /** A further secret: NAME, the file of NAME_FILE, or the credential NAME; `problems` gets what is wrong with it. */
  secret(name: string, problems: Problem[]): string | null;
}

/** What POLLING_INTERVAL_MINUTES is by default: the deadline and the schedule derive from it. */
const DEFAULT_INTERVAL_MINUTES = 2;

/** @throws ConfigError naming every variable that cannot be understood. */
export function readEnvironment(env: Env): Environment {
  const problems: Problem[] = [];
  const number = (name: string, isAllowed: (value: number) => boolean, allowed: string): number | null => {
    const found = text(env, name);
    if (found === null) return null;
    const value = Number(found);
    if (Number.isFinite(value) && isAllowed(value)) return value;
    problems.push({ path: name, message: `found "${found}"; expected ${allowed}` });
    return null;
  };
  const flag = (name: string): boolean | null => {
    const found = text(env, name)?.toLowerCase() ?? null;
    if (found === null) return null;
    if (["true", "1", "yes", "on"].includes(found)) return true;
    if (["false", "0", "no", "off"].includes(found)) return false;
    problems.push({ path: name, message: `found "${found}"; expected true or false` });
    return null;
  };
  const environment: Environment = {
    token: readSecret(env, "AIRTABLE_API_KEY", problems) ?? readSecret(env, "AIRTABLE_TOKEN", problems),
    baseId: text(env, "AIRTABLE_BASE_ID"),
    endpointUrl: text(env, "AIRTABLE_ENDPOINT_URL"),
    requestsPerSecond: number("STUCK_JOBS_AIRTABLE_RPS", (n) => n > 0 && n <= 5, "a number above 0, at most 5"),
    storageUrl: text(env, "STUCK_JOBS_STORAGE_URL"),
    storageKeys: readStorageKeys(env),
    pollingEnabled: flag("POLLING_ENABLED") ?? true,
    maxAgeHours: number("POLLING_MAX_AGE_HOURS", (n) => n > 0, "a number of hours above 0"),
    intervalMinutes: number("POLLING_INTERVAL_MINUTES", (n) => n > 0, "a number above 0") ?? DEFAULT_INTERVAL_MINUTES,
    metricsFile: text(env, "STUCK_JOBS_METRICS_FILE"),
    ncaBaseUrl: text(env, "NCA_BASE_URL"),
    goapiBaseUrl: text(env, "GOAPI_BASE_URL"),
    secret: (name, found) => readSecret(env, name, found),
  };
  // Anything else cannot stand in a header: most often a line break that was copied along.
  if (environment.token !== null && !/^[\x21-\x7e]+$/.test(environment.token)) {
    problems.push({
      path: "AIRTABLE_API_KEY",
      message: "holds a blank, a line break or another character no token has",
    });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return environment;
}
