import type { BrakeSettings } from "../core/domain/brake-settings.ts";
import type { Duration } from "../core/domain/job.ts";
import type { Operation, Thresholds, Via } from "../core/domain/operation.ts";
import type { FleetSettings } from "./resolve/fleet.ts";
import type { JournalSettings } from "./resolve/journal.ts";
import type { MonitoringOverrides, MonitoringSettings } from "./resolve/monitoring.ts";
import type { PostgresSettings } from "./resolve/postgres.ts";
import type { ProviderSettings } from "./resolve/providers.ts";
import type { StorageSettings } from "./resolve/storage.ts";
import type { WebhookSettings } from "./resolve/webhooks.ts";
import type { Config } from "./schema/config.ts";

/** One of several configured bases. */
export interface BaseRef {
  readonly name: string;
  readonly id: string;
  /** The ids of all bases of the list, which share this array. */
  readonly all: readonly string[];
}

/** An Airtable base. */
export interface AirtableSettings {
  readonly kind: "airtable";
  readonly baseId: string;
  readonly token: string;
  /** The name of the account that the token is of; null for the token of the environment. */
  readonly account: string | null;
  readonly endpointUrl: string;
  readonly requestsPerSecond: number;
}

/** The settings of a run: preset, file, environment and flags, merged and checked. Times are in milliseconds. */
export interface Settings {
  readonly store: AirtableSettings | PostgresSettings;
  readonly jobs: Omit<Config["jobs"], "table" | "id"> & { readonly table: string };
  readonly thresholds: Thresholds;
  readonly operations: readonly Operation[];
  readonly storage: StorageSettings;
  /** The storages of operations that have one of their own, by the operation's name. */
  readonly operationStorages: ReadonlyMap<string, StorageSettings>;
  readonly brake: BrakeSettings;
  readonly lateOutputs: boolean;
  readonly providers: readonly ProviderSettings[];
  readonly webhooks: WebhookSettings;
  readonly monitoring: MonitoringSettings;
  readonly journal: JournalSettings;
  /** Null where one host sweeps alone. */
  readonly fleet: FleetSettings | null;
  /** Texts that are redacted in everything that is printed or written. */
  readonly secrets: readonly string[];
  readonly deadline: Duration;
  /** Null where the configuration has no list of bases. */
  readonly base: BaseRef | null;
}

/** Settings that flags override; absent where a flag is not given. */
export interface Overrides {
  readonly stuckAfter?: Duration | undefined;
  readonly failAfter?: Duration | undefined;
  readonly maxAge?: Duration | null | undefined;
  readonly concurrency?: number | undefined;
  readonly deadline?: Duration | undefined;
  readonly via?: Via | undefined;
  readonly monitoring?: MonitoringOverrides | undefined;
  /** A file, or "none". */
  readonly journal?: string | undefined;
}
