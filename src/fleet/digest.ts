import { createHash } from "node:crypto";
import type { ProviderSettings } from "../config/resolve/providers.ts";
import type { StorageSettings } from "../config/resolve/storage.ts";
import type { Settings } from "../config/settings.ts";
import type { Duration } from "../core/domain/job.ts";

/** Shown of a digest: enough to tell two apart. */
const SHOWN = 12;

/**
 * Returns a digest of everything that decides about jobs or is written, so that hosts with different configurations do
 * not sweep in turns. Tokens, keys, monitoring, paths of files and the heartbeat are left out: hosts may differ in them.
 */
export function digestOf(bases: readonly Settings[], interval: Duration): string {
  const known = new Map<object, unknown>();
  const text = JSON.stringify(sortKeys({ interval, bases: bases.map(decisiveOf) }, known));
  return createHash("sha256").update(text).digest("hex").slice(0, SHOWN);
}

function decisiveOf({ store, storage, operationStorages, providers, webhooks, ...settings }: Settings) {
  const { jobs, thresholds, operations, brake, lateOutputs } = settings;
  return {
    store: storeOf(store),
    jobs,
    thresholds,
    operations,
    brake,
    lateOutputs,
    storage: storageOf(storage),
    operationStorages: [...operationStorages].map(([name, each]) => [name, storageOf(each)]),
    providers: providers.map(providerOf),
    webhooks: { allowHosts: webhooks.allowHosts, isSigned: webhooks.signature !== null },
  };
}

function storeOf(store: Settings["store"]) {
  if (store.kind === "airtable") {
    const { kind, baseId, endpointUrl, account } = store;
    return { kind, baseId, endpointUrl, account };
  }
  const { kind, baseId, address, jobs, links, targets } = store;
  const fields = targets.map((target) => ({ ...target, fields: [...target.fields] }));
  return { kind, baseId, database: address.database, jobs, links, targets: fields };
}

function storageOf({ baseUrl, addressing, otherNames, credentials, attachmentUrlTtl }: StorageSettings) {
  return { baseUrl, addressing, otherNames, isSigned: credentials !== null, attachmentUrlTtl };
}

function providerOf(provider: ProviderSettings) {
  const { name, outputHosts, allowPrivate } = provider;
  switch (provider.kind) {
    case "nca":
    case "goapi":
      return { kind: provider.kind, name, outputHosts, allowPrivate, baseUrl: provider.baseUrl };
    case "http": {
      // Headers and bodies may hold keys.
      const { headers: _, ...rest } = provider;
      return rest;
    }
  }
}

/**
 * Returns a value with the keys of its objects in one order, whatever order the file has them in.
 *
 * @param known what was sorted before: bases share most of their settings
 */
function sortKeys(value: unknown, known: Map<object, unknown>): unknown {
  if (typeof value !== "object" || value === null) return value;
  const found = known.get(value);
  if (found !== undefined) return found;
  const sorted = Array.isArray(value)
    ? value.map((each) => sortKeys(each, known))
    : Object.fromEntries(
        Object.entries(value)
          .sort(([one], [other]) => (one < other ? -1 : 1))
          .map(([key, each]) => [key, sortKeys(each, known)]),
      );
  known.set(value, sorted);
  return sorted;
}
