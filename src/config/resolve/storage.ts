import type { Environment } from "../env/environment.ts";
import { readPrefixedKey, resolveCredentials, type StorageCredentials } from "../env/storage-credentials.ts";
import type { Problem } from "../problems.ts";
import type { Config } from "../schema/config.ts";

/** A bucket, or a folder in it, with the pace and the key of requests to it. */
export interface StorageSettings {
  readonly baseUrl: string;
  readonly concurrency: number;
  readonly requestsPerSecond: number;
  readonly otherNames: readonly string[];
  /** Null: derived from the host of baseUrl. */
  readonly addressing: "path" | "virtual" | null;
  /** Null: requests are not signed. */
  readonly credentials: StorageCredentials | null;
  readonly attachmentUrlTtl: number;
}

/** Returns the storage of all operations that have none of their own. Adds to `problems` what is wrong with its key. */
export function resolveStorage(
  { storage }: Config,
  environment: Environment,
  concurrency: number | undefined,
  problems: Problem[],
): StorageSettings {
  const key = resolveKey(storage.credentials, environment, "storage.credentials");
  problems.push(...key.problems);
  return {
    ...storage,
    addressing: storage.addressing ?? null,
    concurrency: concurrency ?? storage.concurrency,
    credentials: key.credentials,
  };
}

/** Returns the storages of operations that have one of their own, by name: each is the general one with its overrides. */
export function resolveOperationStorages(
  { operations }: Config,
  general: StorageSettings,
  environment: Environment,
  problems: Problem[],
): ReadonlyMap<string, StorageSettings> {
  const storages = new Map<string, StorageSettings>();
  for (const [name, { storage }] of Object.entries(operations)) {
    if (storage === undefined) continue;
    const { credentials, addressing } = storage;
    const path = `operations.${name}.storage.credentials`;
    const own = credentials === null || credentials === undefined ? null : resolveKey(credentials, environment, path);
    problems.push(...(own?.problems ?? []));
    storages.set(name, {
      baseUrl: storage.baseUrl ?? general.baseUrl,
      concurrency: storage.concurrency ?? general.concurrency,
      requestsPerSecond: storage.requestsPerSecond ?? general.requestsPerSecond,
      otherNames: storage.otherNames ?? general.otherNames,
      attachmentUrlTtl: storage.attachmentUrlTtl ?? general.attachmentUrlTtl,
      // Another host may name its bucket in another way.
      addressing: addressing ?? (storage.baseUrl === undefined ? general.addressing : null),
      credentials: credentials === undefined ? general.credentials : (own?.credentials ?? null),
    });
  }
  return storages;
}

function resolveKey(configured: Config["storage"]["credentials"], environment: Environment, path: string) {
  return configured?.prefix === undefined
    ? resolveCredentials(configured, environment.storageKeys)
    : readPrefixedKey(configured.prefix, configured.region ?? null, path, environment);
}
