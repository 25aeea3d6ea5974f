import type { Duration, Operation, Thresholds, Via } from "../core/domain/job.ts";
import type { BrakeSettings } from "../core/sweep/decide/brake.ts";
import type { Environment } from "./env/environment.ts";
import type { StorageCredentials } from "./env/storage-credentials.ts";
import type { ConfigFile } from "./file/read-config-file.ts";
import type { JournalSettings } from "./resolve/journal.ts";
import type { WatchingOverrides, WatchingSettings } from "./resolve/monitoring.ts";
import type { ProviderSettings } from "./resolve/providers.ts";
import { buildSettings, mergeSources } from "./resolve/resolve.ts";
import type { WebhookSettings } from "./resolve/webhooks.ts";
import { checkBySchema } from "./schema/check.ts";
import type { Config } from "./schema/config.ts";

/** One of several bases that are configured. */
export interface BaseRef {
  readonly name: string;
  readonly id: string;
  /** The ids of those beside it. */
  readonly others: readonly string[];
}

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
  /** Null where the configuration knows of one base only. */
  readonly base: BaseRef | null;
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

/** @throws ConfigError with everything that is wrong at once. */
export function settle(file: ConfigFile, environment: Environment, overrides: Overrides): Settings {
  return buildSettings(checkBySchema(mergeSources(file, environment)), file, environment, overrides);
}
