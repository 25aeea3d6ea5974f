import type { BrakeSettings } from "../core/brake.ts";
import type { Duration, Operation, Thresholds, Via } from "../core/job.ts";
import type { Environment } from "./environment.ts";
import type { ConfigFile } from "./file.ts";
import { type JournalSettings, settleJournal } from "./journal.ts";
import { isObject } from "./objects.ts";
import { goapi } from "./presets/goapi.ts";
import { nca } from "./presets/nca.ts";
import { ConfigError, type Problem, problemsOf } from "./problems.ts";
import {
  type ProviderKeys,
  type ProviderSettings,
  providersFromEnvironment,
  readProviderKeys,
  settleProviders,
  withKnownProviders,
} from "./providers.ts";
import { type Config, configSchema } from "./schema.ts";
import { type StorageCredentials, secretsOf, settleCredentials } from "./storage-keys.ts";
import { settleWatching, type WatchingOverrides, type WatchingSettings, watchingSecrets } from "./watching.ts";
import { settleWebhooks, type WebhookSettings } from "./webhooks.ts";

/** What a run is given: flags over environment over file over preset, checked. Times are in milliseconds. */
export interface Settings {
  readonly airtable: {
    readonly baseId: string;
    readonly token: string;
    readonly endpointUrl: string;
    readonly requestsPerSecond: number;
  };
  readonly jobs: Config["jobs"];
  readonly thresholds: Thresholds;
  readonly operations: readonly Operation[];
  readonly storage: Omit<Config["storage"], "addressing" | "credentials"> & {
    /** Null: as the host tells. */
    readonly addressing: "path" | "virtual" | null;
    /** Null: nothing is signed. */
    readonly credentials: StorageCredentials | null;
  };
  readonly brake: BrakeSettings;
  readonly lateOutputs: boolean;
  readonly providers: readonly ProviderSettings[];
  readonly webhooks: WebhookSettings;
  readonly watching: WatchingSettings;
  readonly journal: JournalSettings;
  /** Texts that must never be shown. */
  readonly secrets: readonly string[];
  readonly deadline: Duration;
}

/** What flags may say; absent where they are silent. */
export interface Overrides {
  readonly stuckAfter?: Duration | undefined;
  readonly failAfter?: Duration | undefined;
  readonly maxAge?: Duration | null | undefined;
  readonly concurrency?: number | undefined;
  readonly deadline?: Duration | undefined;
  readonly via?: Via | undefined;
  readonly watching?: WatchingOverrides | undefined;
  /** A file, or "none". */
  readonly journal?: string | undefined;
}

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

/** @throws ConfigError with everything that is wrong at once. */
export function settle(file: ConfigFile, environment: Environment, overrides: Overrides): Settings {
  const problems: Problem[] = [];
  const keys = readProviderKeys(environment, problems);
  const input = underlay(file.content, environment, keys);
  const checked = configSchema.safeParse(input);
  if (!checked.success) {
    problems.push(...problemsOf(checked.error, input).map((each) => fromVariable(each, environment)));
  }
  const baseId = checked.success ? (checked.data.airtable.baseId ?? null) : environment.baseId;
  if (environment.token === null) {
    problems.push({
      path: "AIRTABLE_API_KEY",
      message: "no Airtable token; set it, AIRTABLE_TOKEN or AIRTABLE_API_KEY_FILE",
    });
  }
  if (checked.success && baseId === null) {
    problems.push({ path: "airtable.baseId", message: "no base; set it in the configuration or AIRTABLE_BASE_ID" });
  }
  const key = settleCredentials(checked.data?.storage.credentials, environment.storageKeys);
  problems.push(...key.problems);
  if (!checked.success || environment.token === null || baseId === null) throw new ConfigError(problems, hint(file));

  const config = checked.data;
  const thresholds = thresholdsOf(config.thresholds, {}, environment, overrides);
  const named = Object.entries(config.operations).map(([name, operation]) => ({
    ...operation,
    name,
    // What is said of all operations holds for those whose webhook can be made again.
    via: overrides.via ?? operation.via ?? (operation.webhookEndpoint === null ? "direct" : config.webhooks.via),
    fallback: operation.fallback ?? config.webhooks.fallback,
    thresholds: thresholdsOf(config.thresholds, operation.thresholds, environment, overrides),
  }));
  const { providers, secrets } = settleProviders(config.providers, named, environment, keys, problems);
  const operations = withKnownProviders(named, providers, problems);
  const webhooks = settleWebhooks(config, operations, environment, problems);
  const watching = settleWatching(config.watching, environment, overrides.watching ?? { flagsOnly: true }, problems);
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
    journal: settleJournal(config.journal, overrides.journal),
    secrets: [
      ...secrets,
      ...(webhooks.signature === null ? [] : [webhooks.signature.secret]),
      ...secretsOf(key.credentials),
      ...watchingSecrets(watching),
    ],
    deadline: overrides.deadline ?? environment.intervalMinutes * 60_000 * DEADLINE_SHARE,
  };
}

/** A value that came from a variable is told under the variable's name. */
function fromVariable(problem: Problem, { baseId, endpointUrl, storageUrl }: Environment): Problem {
  const variables: Readonly<Record<string, string | null>> = {
    "airtable.baseId": baseId === null ? null : "AIRTABLE_BASE_ID",
    "airtable.endpointUrl": endpointUrl === null ? null : "AIRTABLE_ENDPOINT_URL",
    "storage.baseUrl": storageUrl === null ? null : "STUCK_JOBS_STORAGE_URL",
  };
  const variable = variables[problem.path] ?? null;
  return variable === null ? problem : { ...problem, path: variable };
}

/** Lays the preset under the file, and the environment over it. */
function underlay(content: unknown, environment: Environment, keys: ProviderKeys): unknown {
  if (!isObject(content)) return content;
  const providers = providersFromEnvironment(content, environment, keys);
  const hasGoapi = "goapi" in providers || (isObject(content.providers) && isObject(content.providers.goapi));
  const preset = content.preset === "none" ? {} : hasGoapi ? merge(nca, goapi) : nca;
  const merged = merge(preset, {
    ...content,
    ...without(content, "providers", ["nca", "goapi"]),
    ...without(content, "operations", hasGoapi ? [] : Object.keys(goapi.operations)),
  });
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

function hint({ path }: ConfigFile): string {
  const file = path === null ? "No configuration file was found; the preset nca was used." : `Configuration: ${path}`;
  return `${file} To try the tool without a base: stuck-jobs scan --sandbox`;
}
