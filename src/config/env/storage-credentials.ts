import type { Problem } from "../problems.ts";
import type { Config } from "../schema/config.ts";
import { type Env, readSecret, readVariable } from "./variables.ts";

/** The key to the storage in one family of variables; null where a variable is not set. */
export interface StorageKey {
  readonly accessKeyId: string | null;
  readonly secretAccessKey: string | null;
  readonly sessionToken: string | null;
  readonly region: string | null;
  /** Variables that could not be read; reported only where this family is used. */
  readonly problems: readonly Problem[];
}

/** The families: our own names, those of NCA Toolkit with a prefix, and those of AWS tools. */
export interface StorageKeys {
  readonly own: StorageKey;
  readonly nca: StorageKey;
  readonly aws: StorageKey;
}

/** The key that requests to the storage are signed with. `region` is null where it is derived from the host. */
export interface StorageCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
  readonly region: string | null;
}

/** The variables of each family. NCA's own are S3_ACCESS_KEY, S3_SECRET_KEY and S3_REGION. */
const NAMES = {
  own: {
    accessKeyId: "STUCK_JOBS_S3_ACCESS_KEY_ID",
    secretAccessKey: "STUCK_JOBS_S3_SECRET_ACCESS_KEY",
    sessionToken: "STUCK_JOBS_S3_SESSION_TOKEN",
    region: "STUCK_JOBS_S3_REGION",
  },
  nca: {
    accessKeyId: "NCA_S3_ACCESS_KEY",
    secretAccessKey: "NCA_S3_SECRET_KEY",
    sessionToken: "NCA_S3_SESSION_TOKEN",
    region: "NCA_S3_REGION",
  },
  aws: {
    accessKeyId: "AWS_ACCESS_KEY_ID",
    secretAccessKey: "AWS_SECRET_ACCESS_KEY",
    sessionToken: "AWS_SESSION_TOKEN",
    region: "AWS_REGION",
  },
} as const;

/** Reads all families. Problems are kept with their family. */
export function readStorageKeys(env: Env): StorageKeys {
  return { own: readKey(env, NAMES.own), nca: readKey(env, NAMES.nca), aws: readKey(env, NAMES.aws) };
}

function readKey(env: Env, names: (typeof NAMES)[keyof typeof NAMES]): StorageKey {
  const problems: Problem[] = [];
  return {
    accessKeyId: readSecret(env, names.accessKeyId, problems),
    secretAccessKey: readSecret(env, names.secretAccessKey, problems),
    sessionToken: readSecret(env, names.sessionToken, problems),
    region: readVariable(env, names.region),
    problems,
  };
}

/**
 * Returns the first complete key of our own variables, NCA's, the configuration file and, with `from: aws`, AWS's
 * variables. Those are set on many machines for other reasons: used by default, they would sign requests to a public bucket
 * that does not know the key and refuses it.
 */
export function resolveCredentials(
  configured: Config["storage"]["credentials"],
  keys: StorageKeys,
): { readonly credentials: StorageCredentials | null; readonly problems: readonly Problem[] } {
  const found = candidates(configured, keys).find(
    ({ key }) => key.accessKeyId !== null || key.secretAccessKey !== null || key.problems.length > 0,
  );
  if (found === undefined)
    return { credentials: null, problems: configured === undefined ? [] : [missingCredentials(configured)] };
  const { key, names } = found;
  const region = key.region ?? keys.own.region ?? configured?.region ?? null;
  const { accessKeyId, secretAccessKey, sessionToken, problems } = key;
  if (problems.length > 0) return { credentials: null, problems };
  if (accessKeyId === null)
    return { credentials: null, problems: [missingHalf(names.accessKeyId, names.secretAccessKey)] };
  if (secretAccessKey === null) {
    return { credentials: null, problems: [missingHalf(names.secretAccessKey, names.accessKeyId)] };
  }
  return { credentials: { accessKeyId, secretAccessKey, sessionToken, region }, problems: [] };
}

/** Returns the key whose variables begin with a prefix: `ACME_S3_ACCESS_KEY_ID` and so on. No other place is looked at. */
export function readPrefixedKey(
  prefix: string,
  region: string | null,
  path: string,
  { secret }: { secret(name: string, problems: Problem[]): string | null },
): { readonly credentials: StorageCredentials | null; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const read = (name: string) => secret(`${prefix}_${name}`, problems);
  const [accessKeyId, secretAccessKey] = [read("ACCESS_KEY_ID"), read("SECRET_ACCESS_KEY")];
  const sessionToken = read("SESSION_TOKEN");
  const ownRegion = read("REGION") ?? region;
  const required = { ACCESS_KEY_ID: accessKeyId, SECRET_ACCESS_KEY: secretAccessKey };
  const missing = Object.entries(required).flatMap(([name, value]) => (value === null ? [`${prefix}_${name}`] : []));
  // Why a file of NAME_FILE cannot be read says more than that the name is not set.
  if (problems.length === 0 && missing.length > 0)
    problems.push({ path, message: `no key; set ${missing.join(", ")}` });
  if (accessKeyId === null || secretAccessKey === null || problems.length > 0) return { credentials: null, problems };
  return { credentials: { accessKeyId, secretAccessKey, sessionToken, region: ownRegion }, problems };
}

/** Returns the parts of a key that must never be shown. Its id alone gives no access. */
export function secretsOf(credentials: StorageCredentials | null): readonly string[] {
  return [credentials?.secretAccessKey, credentials?.sessionToken].filter((secret) => typeof secret === "string");
}

interface Candidate {
  readonly key: StorageKey;
  readonly names: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

function candidates(configured: Config["storage"]["credentials"], keys: StorageKeys): readonly Candidate[] {
  const inFile: StorageKey = {
    accessKeyId: configured?.accessKeyId ?? null,
    secretAccessKey: configured?.secretAccessKey ?? null,
    sessionToken: configured?.sessionToken ?? null,
    region: configured?.region ?? null,
    problems: [],
  };
  return [
    { key: keys.own, names: NAMES.own },
    { key: keys.nca, names: NAMES.nca },
    {
      key: inFile,
      names: {
        accessKeyId: "storage.credentials.accessKeyId",
        secretAccessKey: "storage.credentials.secretAccessKey",
      },
    },
    ...(configured?.from === "aws" ? [{ key: keys.aws, names: NAMES.aws }] : []),
  ];
}

function missingHalf(missing: string, there: string): Problem {
  return { path: missing, message: `missing; ${there} is set, and a key needs both` };
}

function missingCredentials({ from }: { readonly from?: "aws" | undefined }): Problem {
  const names = from === "aws" ? NAMES.aws : NAMES.own;
  return {
    path: "storage.credentials",
    message: `no key to sign with; set ${names.accessKeyId} and ${names.secretAccessKey}, or take storage.credentials out`,
  };
}
