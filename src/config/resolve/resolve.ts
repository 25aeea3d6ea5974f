import { isObject } from "../../core/domain/json.ts";
import type { Thresholds } from "../../core/domain/operation.ts";
import { secretsOfAddress } from "../../database/database-url.ts";
import type { Environment } from "../env/environment.ts";
import { resolveCredentials, secretsOf } from "../env/storage-credentials.ts";
import type { ConfigFile } from "../file/read-config-file.ts";
import { goapi } from "../presets/goapi.ts";
import { nca } from "../presets/nca.ts";
import { findProviderPreset } from "../presets/providers.ts";
import { ConfigError, type Problem } from "../problems.ts";
import type { Config } from "../schema/config.ts";
import { type Checked, checkConfig } from "../schema/issues.ts";
import type { AirtableSettings, Overrides, Settings } from "../settings.ts";
import { accountOf, readAccountToken } from "./accounts.ts";
import { resolveFleet } from "./fleet.ts";
import { resolveJournal } from "./journal.ts";
import { monitoringSecrets, resolveMonitoring } from "./monitoring.ts";
import { resolveOperations } from "./operations.ts";
import { type PostgresSettings, resolveAddress, resolvePostgres, tableLabel } from "./postgres.ts";
import { providersFromEnvironment, readProviderKeys, resolveProviders, withKnownProviders } from "./providers.ts";
import { resolveOperationStorages, resolveStorage } from "./storage.ts";
import { resolveWebhooks } from "./webhooks.ts";

/** The thresholds where neither flag, environment nor file sets one. */
export const DEFAULT_THRESHOLDS: Thresholds = {
  stuckAfter: 300_000,
  failAfter: 3_600_000,
  maxAge: 86_400_000,
  providerCap: 21_600_000,
};

/** A run may take this part of the interval, so that it ends before the next one begins. */
const DEADLINE_SHARE = 0.75;

const HOUR = 3_600_000;

/**
 * Returns the settings of one base: flags override the environment, which overrides the file, which overrides the preset.
 *
 * @throws ConfigError with all problems at once
 */
export function resolveSettings(file: ConfigFile, environment: Environment, overrides: Overrides): Settings {
  return buildSettings(checkConfig(mergeSources(file, environment)), file, environment, overrides);
}

function buildSettings(checked: Checked, file: ConfigFile, environment: Environment, overrides: Overrides): Settings {
  const problems: Problem[] = [];
  const keys = readProviderKeys(environment, problems);
  if (checked.kind === "invalid")
    problems.push(...checked.problems.map((each) => attributeToVariable(each, environment)));
  const config = checked.kind === "valid" ? checked.config : null;
  const isAirtable = storeOf(file) === "airtable";
  const store =
    config === null
      ? null
      : isAirtable
        ? resolveAirtable(config, environment, file, problems)
        : resolveDatabase(config, environment, problems);
  if (config === null && isAirtable && accountOf(file) === null) checkToken(environment, problems);
  // Those of a valid configuration are found with its storage.
  if (config === null) problems.push(...resolveCredentials(undefined, environment.storageKeys).problems);
  if (config === null || store === null) throw new ConfigError(problems, hint(file));

  const storage = resolveStorage(config, environment, overrides.concurrency, problems);
  const operationStorages = resolveOperationStorages(config, storage, environment, problems);
  const thresholds = thresholdsOf(config.thresholds, {}, environment, overrides);
  const configured = resolveOperations(config, overrides.via, (own) =>
    thresholdsOf(config.thresholds, own, environment, overrides),
  );
  const { providers, secrets } = resolveProviders(config.providers, configured, environment, keys, problems);
  const operations = withKnownProviders(configured, providers, problems);
  const journal = resolveJournal(config, overrides.journal, environment, problems);
  const fleet = resolveFleet(config, environment, problems);
  const webhooks = resolveWebhooks(config, operations, journal, environment, problems);
  const monitoring = resolveMonitoring(
    config.monitoring,
    environment,
    overrides.monitoring ?? { flagsOnly: true },
    problems,
  );
  if (problems.length > 0) throw new ConfigError(problems, hint(file));
  return {
    store,
    jobs: { ...config.jobs, table: tableLabel(config.jobs.table) },
    thresholds,
    operations,
    storage,
    operationStorages,
    brake: config.brake,
    lateOutputs: config.lateOutputs,
    providers,
    webhooks,
    monitoring,
    journal,
    fleet,
    secrets: [
      ...secrets,
      ...(webhooks.signature === null ? [] : [webhooks.signature.secret]),
      ...[storage, ...operationStorages.values()].flatMap(({ credentials }) => secretsOf(credentials)),
      ...(store.kind === "postgres" ? secretsOfAddress(store.address) : []),
      ...(store.kind === "airtable" && store.account !== null ? [store.token] : []),
      ...(journal.place?.kind === "postgres" ? secretsOfAddress(journal.place.address) : []),
      ...(fleet === null ? [] : secretsOfAddress(fleet.address)),
      ...monitoringSecrets(monitoring),
    ],
    deadline: overrides.deadline ?? environment.intervalMinutes * 60_000 * DEADLINE_SHARE,
    base: null,
  };
}

function resolveAirtable(
  { airtable, account, accounts }: Config,
  environment: Environment,
  file: ConfigFile,
  problems: Problem[],
): AirtableSettings | null {
  if (account === undefined) checkToken(environment, problems);
  const token =
    account === undefined ? environment.token : readAccountToken(account, accounts, environment, file, problems);
  if (airtable.baseId === undefined) {
    problems.push({ path: "airtable.baseId", message: "no base; set it in the configuration or AIRTABLE_BASE_ID" });
  }
  if (!airtable.allowInsecureEndpoint && isInsecure(airtable.endpointUrl)) {
    const message = `found "${airtable.endpointUrl}", which would get the token without TLS; expected https, or airtable.allowInsecureEndpoint: true`;
    problems.push(attributeToVariable({ path: "airtable.endpointUrl", message }, environment));
  }
  if (token === null || airtable.baseId === undefined) return null;
  return {
    kind: "airtable",
    baseId: airtable.baseId,
    token,
    account: account ?? null,
    endpointUrl: airtable.endpointUrl.replace(/\/+$/, ""),
    requestsPerSecond: airtable.requestsPerSecond,
  };
}

function checkToken({ token }: Environment, problems: Problem[]): void {
  if (token !== null) return;
  problems.push({
    path: "AIRTABLE_API_KEY",
    message: "no Airtable token; set it, AIRTABLE_TOKEN or AIRTABLE_API_KEY_FILE",
  });
}

function resolveDatabase(config: Config, environment: Environment, problems: Problem[]): PostgresSettings | null {
  const address = resolveAddress(environment, problems);
  return address === null ? null : resolvePostgres(config, address);
}

/** Returns the kind of the store that a file is for, before it is checked. */
function storeOf({ content, override = {} }: ConfigFile): "airtable" | "postgres" {
  const named = override.store ?? (isObject(content) ? content.store : undefined);
  return named === "postgres" ? "postgres" : "airtable";
}

/** Whether what is sent to a URL can be read on the way: neither TLS nor this machine. */
function isInsecure(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !/^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

/** Returns a problem under the name of the variable that the value came from. */
function attributeToVariable(problem: Problem, { baseId, endpointUrl, storageUrl }: Environment): Problem {
  const variables: Readonly<Record<string, string | null>> = {
    "airtable.baseId": baseId === null ? null : "AIRTABLE_BASE_ID",
    "airtable.endpointUrl": endpointUrl === null ? null : "AIRTABLE_ENDPOINT_URL",
    "storage.baseUrl": storageUrl === null ? null : "STUCK_JOBS_STORAGE_URL",
  };
  const variable = variables[problem.path] ?? null;
  return variable === null ? problem : { ...problem, path: variable };
}

/** Merges preset, file and environment into the configuration that is checked. */
export function mergeSources({ content, override = {} }: ConfigFile, environment: Environment): unknown {
  if (!isObject(content)) return content;
  // Problems of the keys are reported by buildSettings.
  const keys = readProviderKeys(environment, []);
  const known = { ...sectionOf(content, "providers"), ...sectionOf(override, "providers") };
  const providers = providersFromEnvironment({ providers: known }, environment, keys);
  const hasGoapi = "goapi" in providers || isObject(known.goapi);
  const isAirtable = storeOf({ path: null, content, override }) === "airtable";
  const named = override.preset ?? content.preset ?? (isAirtable ? "nca" : "none");
  const ofProvider = findProviderPreset(named);
  const preset =
    ofProvider !== null
      ? contentOf(ofProvider)
      : named === "none"
        ? { preset: named }
        : hasGoapi
          ? merge(nca, goapi)
          : nca;
  const laid = mergeFile(mergeFile(preset, content), override);
  const ofFile = withoutUnusedStorage(ofProvider === null ? laid : withProvider(laid, ofProvider.name));
  const merged = {
    ...ofFile,
    ...withoutNulls(ofFile, "providers", ["nca", "goapi"]),
    ...withoutNulls(ofFile, "operations", hasGoapi ? [] : Object.keys(goapi.operations)),
  };
  const { baseId, endpointUrl, requestsPerSecond, storageUrl } = environment;
  return merge(merged, {
    ...(baseId === null && endpointUrl === null && requestsPerSecond === null
      ? {}
      : {
          airtable: {
            ...(baseId === null ? {} : { baseId }),
            ...(endpointUrl === null ? {} : { endpointUrl }),
            ...(requestsPerSecond === null ? {} : { requestsPerSecond }),
          },
        }),
    ...(storageUrl === null ? {} : { storage: { baseUrl: storageUrl } }),
    ...(Object.keys(providers).length === 0 ? {} : { providers }),
  });
}

function contentOf({ name, provider, thresholds }: NonNullable<ReturnType<typeof findProviderPreset>>) {
  return { preset: name, providers: { [name]: provider }, thresholds };
}

/** Lets operations that name no provider use the preset's, which may be the only one that knows their outputs. */
function withProvider(content: Readonly<Record<string, unknown>>, provider: string): Readonly<Record<string, unknown>> {
  const operations = Object.entries(sectionOf(content, "operations")).map(([name, operation]) => [
    name,
    isObject(operation) ? { provider, outputs: [], ...operation } : operation,
  ]);
  return content.operations === undefined ? content : { ...content, operations: Object.fromEntries(operations) };
}

/** Stands in for the bucket where no operation has a name to look for; nothing is ever at a host of this ending. */
const NO_STORAGE = "https://storage.invalid";

/** Lets a configuration whose outputs only a provider knows go without a storage. */
function withoutUnusedStorage(content: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const storage = sectionOf(content, "storage");
  const operations = Object.values(sectionOf(content, "operations"));
  const isUsed = operations.some((each) => {
    if (!isObject(each)) return false;
    const hasOwn = isObject(each.storage) && each.storage.baseUrl !== undefined;
    return !hasOwn && !(Array.isArray(each.outputs) && each.outputs.length === 0);
  });
  if (storage.baseUrl !== undefined || "storage" in content !== isObject(content.storage)) return content;
  if (isUsed || operations.length === 0) return { ...content, storage };
  return { ...content, storage: { ...storage, baseUrl: NO_STORAGE } };
}

function sectionOf(content: Readonly<Record<string, unknown>>, section: string): Readonly<Record<string, unknown>> {
  const found = content[section];
  return isObject(found) ? found : {};
}

/** Returns a section of the file without those of the names that are null: the preset has nothing to remove there. */
function withoutNulls(
  content: Readonly<Record<string, unknown>>,
  section: string,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  const inFile = content[section];
  if (!isObject(inFile)) return {};
  const kept = Object.entries(inFile).filter(([name, value]) => value !== null || !names.includes(name));
  return { [section]: Object.fromEntries(kept) };
}

/** Keys of an operation below a file that do not count any more once the file sets another one. */
const REPLACED_BY: Readonly<Record<string, readonly string[]>> = { deliver: ["attachment"], attachment: ["deliver"] };

/** Lays a file over the preset, or one of several bases over the rest of its file. */
function mergeFile(
  under: Readonly<Record<string, unknown>>,
  over: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const operations = { ...sectionOf(under, "operations") };
  for (const [name, operation] of Object.entries(sectionOf(over, "operations"))) {
    const below = operations[name];
    if (!isObject(operation) || !isObject(below)) continue;
    const replaced = Object.keys(operation).flatMap((key) => REPLACED_BY[key] ?? []);
    if (operation.target === "none") replaced.push("attachment", "deliver", "set", "setFrom");
    const { set } = operation;
    const kept = Object.entries(below).filter(([key]) => !replaced.includes(key));
    operations[name] = Object.fromEntries(
      kept.map(([key, value]) => [key, key === "setFrom" && isObject(set) ? pick(value, Object.keys(set)) : value]),
    );
  }
  return merge(under.operations === undefined ? under : { ...under, operations }, over);
}

function pick(value: unknown, keys: readonly string[]): unknown {
  return isObject(value) ? Object.fromEntries(Object.entries(value).filter(([key]) => keys.includes(key))) : value;
}

/** Maps that a file replaces as a whole. */
const WHOLE = ["set", "setFrom"];

/** Merges objects key by key and replaces all other values; null removes an object. */
function merge(
  under: Readonly<Record<string, unknown>>,
  over: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    if (value === null && isObject(below)) delete merged[key];
    else merged[key] = isObject(below) && isObject(value) && !WHOLE.includes(key) ? merge(below, value) : value;
  }
  return merged;
}

function thresholdsOf(
  general: Partial<Thresholds> | Config["thresholds"],
  own: Config["operations"][string]["thresholds"],
  { maxAgeHours }: Environment,
  overrides: Overrides,
): Thresholds {
  const fromFile = own.maxAge !== undefined ? own.maxAge : general.maxAge;
  const fromEnvironment = maxAgeHours === null ? fromFile : maxAgeHours * HOUR;
  const maxAge = overrides.maxAge !== undefined ? overrides.maxAge : fromEnvironment;
  return {
    stuckAfter: overrides.stuckAfter ?? own.stuckAfter ?? general.stuckAfter ?? DEFAULT_THRESHOLDS.stuckAfter,
    failAfter: overrides.failAfter ?? own.failAfter ?? general.failAfter ?? DEFAULT_THRESHOLDS.failAfter,
    maxAge: maxAge === undefined ? DEFAULT_THRESHOLDS.maxAge : maxAge,
    providerCap: own.providerCap ?? general.providerCap ?? DEFAULT_THRESHOLDS.providerCap,
  };
}

/** Returns the hint of a configuration error: where the configuration came from, and how to try without one. */
export function hint({ path }: ConfigFile): string {
  const file =
    path === null
      ? "No configuration file was found; the preset nca was used."
      : `The configuration was read from ${path}.`;
  return `${file} To try the tool without a base: stuck-jobs scan --sandbox`;
}
