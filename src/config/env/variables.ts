import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Problem } from "../problems.ts";

/** The environment of the process, or of a test. */
export type Env = Readonly<Record<string, string | undefined>>;

/** The variables that take the place of a key of the configuration, by the key. */
export const CONFIG_VARIABLES: Readonly<Record<string, string>> = {
  "airtable.baseId": "AIRTABLE_BASE_ID",
  "airtable.endpointUrl": "AIRTABLE_ENDPOINT_URL",
  "airtable.requestsPerSecond": "STUCK_JOBS_AIRTABLE_RPS",
  "thresholds.maxAge": "POLLING_MAX_AGE_HOURS",
  "storage.baseUrl": "STUCK_JOBS_STORAGE_URL",
  "storage.credentials.accessKeyId": "STUCK_JOBS_S3_ACCESS_KEY_ID",
  "storage.credentials.secretAccessKey": "STUCK_JOBS_S3_SECRET_ACCESS_KEY",
  "storage.credentials.sessionToken": "STUCK_JOBS_S3_SESSION_TOKEN",
  "storage.credentials.region": "STUCK_JOBS_S3_REGION",
  "monitoring.metricsFile": "STUCK_JOBS_METRICS_FILE",
  "monitoring.pingUrl": "STUCK_JOBS_PING_URL",
  "monitoring.pingDialect": "STUCK_JOBS_PING_DIALECT",
  "monitoring.notifyUrl": "STUCK_JOBS_NOTIFY_URL",
  "monitoring.email": "STUCK_JOBS_NOTIFY_EMAIL",
  "providers.nca.baseUrl": "NCA_BASE_URL",
  "providers.goapi.baseUrl": "GOAPI_BASE_URL",
};

/** Reads a secret: NAME itself, the file that NAME_FILE names, or the systemd credential NAME. */
export function readSecret(env: Env, name: string, problems: Problem[]): string | null {
  const direct = readVariable(env, name);
  if (direct !== null) return direct;
  const file = readVariable(env, `${name}_FILE`);
  if (file !== null) return readSecretFile(file, `${name}_FILE`, problems);
  const credentials = readVariable(env, "CREDENTIALS_DIRECTORY");
  const credential = credentials === null ? null : join(credentials, name);
  return credential !== null && existsSync(credential) ? readSecretFile(credential, name, problems) : null;
}

/** Reads a secret from a file; `from` names what said so. */
export function readSecretFile(path: string, from: string, problems: Problem[]): string | null {
  try {
    const secret = readFileSync(path, "utf8").trim();
    if (secret !== "") return secret;
    problems.push({ path: from, message: `${path} is empty` });
  } catch (error) {
    problems.push({ path: from, message: `${path} cannot be read: ${error instanceof Error ? error.message : error}` });
  }
  return null;
}

/** Returns a variable without surrounding spaces; null where it is not set, or blank. */
export function readVariable(env: Env, name: string): string | null {
  const value = env[name]?.trim();
  return value === undefined || value === "" ? null : value;
}
