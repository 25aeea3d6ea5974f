import type { Thresholds } from "../../core/domain/job.ts";
import type { Environment } from "../env/environment.ts";
import { resolveCredentials, secretsOf } from "../env/storage-credentials.ts";
import type { ConfigFile } from "../file/read-config-file.ts";
import { isObject } from "../objects.ts";
import { goapi } from "../presets/goapi.ts";
import { nca } from "../presets/nca.ts";
import { ConfigError, type Problem } from "../problems.ts";
import type { Checked } from "../schema/check.ts";
import type { Config } from "../schema/config.ts";
import type { Overrides, Settings } from "../settings.ts";
import { resolveJournal } from "./journal.ts";
import { resolveMonitoring, watchingSecrets } from "./monitoring.ts";
import { checkPresetAlone } from "./preset-alone.ts";
import { providersFromEnvironment, readProviderKeys, resolveProviders, withKnownProviders } from "./providers.ts";
import { resolveWebhooks } from "./webhooks.ts";

/** What counts where neither flag, environment nor file says otherwise. */
export const DEFAULT_THRESHOLDS: Thresholds = {
  stuckAfter: 300_000,
  failAfter: 3_600_000,
  maxAge: 86_400_000,
  providerCap: 21_600_000,
};

/** The part of the interval that a run may take: the next one must find the way clear. */
const DEADLINE_SHARE = 0.75;

const HOUR = 3_600_000;

/**
 * What `settle` of settings.ts settles, with the schema loaded only where it takes one to tell what holds.
 *
 * @throws ConfigError with everything that is wrong at once
 */
export async function resolveSettingsLazy(
  file: ConfigFile,
  environment: Environment,
  overrides: Overrides,
): Promise<Settings> {
  const input = mergeSources(file, environment);
  const config = checkPresetAlone(input);
  const checked: Checked =
    config === null ? (await import("../schema/check.ts")).checkBySchema(input) : { kind: "sound", config };
  return buildSettings(checked, file, environment, overrides);
}

/** What was checked, with the environment and the flags. @throws ConfigError with everything that is wrong at once. */
export function buildSettings(
  checked: Checked,
  file: ConfigFile,
  environment: Environment,
  overrides: Overrides,
): Settings {
  const problems: Problem[] = [];
  const keys = readProviderKeys(environment, problems);
  if (checked.kind === "wrong")
    problems.push(...checked.problems.map((each) => attributeToVariable(each, environment)));
  const config = checked.kind === "sound" ? checked.config : null;
  const baseId = config === null ? environment.baseId : (config.airtable.baseId ?? null);
  if (environment.token === null) {
    problems.push({
      path: "AIRTABLE_API_KEY",
      message: "no Airtable token; set it, AIRTABLE_TOKEN or AIRTABLE_API_KEY_FILE",
    });
  }
  if (config !== null && baseId === null) {
    problems.push({ path: "airtable.baseId", message: "no base; set it in the configuration or AIRTABLE_BASE_ID" });
  }
  const key = resolveCredentials(config?.storage.credentials, environment.storageKeys);
  problems.push(...key.problems);
  if (config === null || environment.token === null || baseId === null) throw new ConfigError(problems, hint(file));

  const thresholds = thresholdsOf(config.thresholds, {}, environment, overrides);
  const named = Object.entries(config.operations).map(([name, operation]) => ({
    ...operation,
    name,
    // What is said of all operations holds for those whose webhook can be made again.
    completeVia:
      overrides.via ?? operation.via ?? (operation.webhookEndpoint === null ? "direct" : config.webhooks.via),
    fallback: operation.fallback ?? config.webhooks.fallback,
    thresholds: thresholdsOf(config.thresholds, operation.thresholds, environment, overrides),
  }));
  const { providers, secrets } = resolveProviders(config.providers, named, environment, keys, problems);
  const operations = withKnownProviders(named, providers, problems);
  const webhooks = resolveWebhooks(config, operations, environment, problems);
  const watching = resolveMonitoring(config.watching, environment, overrides.watching ?? { flagsOnly: true }, problems);
  if (problems.length > 0) throw new ConfigError(problems, hint(file));
  return {
    airtable: {
      baseId,
      token: environment.token,
      endpointUrl: config.airtable.endpointUrl.replace(/\/+$/, ""),
      requestsPerSecond: config.airtable.requestsPerSecond,
    },
    jobs: config.jobs,
    thresholds,
    operations,
    storage: {
      ...config.storage,
      addressing: config.storage.addressing ?? null,
      concurrency: overrides.concurrency ?? config.storage.concurrency,
      credentials: key.credentials,
    },
    brake: config.brake,
    lateOutputs: config.lateOutputs,
    providers,
    webhooks,
    watching,
    journal: resolveJournal(config.journal, overrides.journal),
    secrets: [
      ...secrets,
      ...(webhooks.signature === null ? [] : [webhooks.signature.secret]),
      ...secretsOf(key.credentials),
      ...watchingSecrets(watching),
    ],
    deadline: overrides.deadline ?? environment.intervalMinutes * 60_000 * DEADLINE_SHARE,
    base: null,
  };
}

/** A value that came from a variable is told under the variable's name. */
function attributeToVariable(problem: Problem, { baseId, endpointUrl, storageUrl }: Environment): Problem {
  const variables: Readonly<Record<string, string | null>> = {
    "airtable.baseId": baseId === null ? null : "AIRTABLE_BASE_ID",
    "airtable.endpointUrl": endpointUrl === null ? null : "AIRTABLE_ENDPOINT_URL",
    "storage.baseUrl": storageUrl === null ? null : "STUCK_JOBS_STORAGE_URL",
  };
  const variable = variables[problem.path] ?? null;
  return variable === null ? problem : { ...problem, path: variable };
}

/** Lays the preset under the file, and the environment over it: what is to be checked. */
export function mergeSources({ content, override = {} }: ConfigFile, environment: Environment): unknown {
  if (!isObject(content)) return content;
  // What is wrong with the keys is told when they are settled.
  const keys = readProviderKeys(environment, []);
  const known = { ...sectionOf(content, "providers"), ...sectionOf(override, "providers") };
  const providers = providersFromEnvironment({ providers: known }, environment, keys);
  const hasGoapi = "goapi" in providers || isObject(known.goapi);
  const preset = (override.preset ?? content.preset) === "none" ? {} : hasGoapi ? merge(nca, goapi) : nca;
  const laid = merge(merge(preset, content), override);
  const merged = {
    ...laid,
    ...without(laid, "providers", ["nca", "goapi"]),
    ...without(laid, "operations", hasGoapi ? [] : Object.keys(goapi.operations)),
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

function sectionOf(content: Readonly<Record<string, unknown>>, section: string): Readonly<Record<string, unknown>> {
  const found = content[section];
  return isObject(found) ? found : {};
}

/** A section of the file without those of the names that are null: what is not there need not be taken out. */
function without(
  content: Readonly<Record<string, unknown>>,
  section: string,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  const inFile = content[section];
  if (!isObject(inFile)) return {};
  const kept = Object.entries(inFile).filter(([name, value]) => value !== null || !names.includes(name));
  return { [section]: Object.fromEntries(kept) };
}

/** Objects are merged key by key, all else is replaced; an operation set to null is taken out. */
function merge(
  under: Readonly<Record<string, unknown>>,
  over: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    if (value === null && isObject(below)) delete merged[key];
    else merged[key] = isObject(below) && isObject(value) && key !== "set" ? merge(below, value) : value;
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

/** Where the configuration came from, and how to go without one. */
export function hint({ path }: ConfigFile): string {
  const file = path === null ? "No configuration file was found; the preset nca was used." : `Configuration: ${path}`;
  return `${file} To try the tool without a base: stuck-jobs scan --sandbox`;
}
