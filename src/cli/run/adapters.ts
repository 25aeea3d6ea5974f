import { nca } from "../../config/presets/nca.ts";
import type { PostgresSettings } from "../../config/resolve/postgres.ts";
import type { ProviderSettings } from "../../config/resolve/providers.ts";

import type { AirtableSettings, Settings } from "../../config/settings.ts";
import type { ProviderAnswer } from "../../core/domain/evidence.ts";
import { furtherFields } from "../../core/domain/recorded-output.ts";
import type { AtomicWriter } from "../../core/ports/atomic-writer.ts";
import type { JobHistory, JobStore, Provider, ProviderStatus, WebhookSender } from "../../core/ports/ports.ts";
import type { Fence } from "../../database/fence.ts";
import type { JournalWriter } from "../../journal/write.ts";
import { createGenericProvider } from "../../providers/generic.ts";
import { createGoapi } from "../../providers/goapi.ts";
import { createNca } from "../../providers/nca.ts";
import { createExternalProbe } from "../../storage/external-probe.ts";
import {
  type OpenBase,
  openBase as openAirtable,
  type SharedLimits as SharedBase,
} from "../../stores/airtable/base.ts";
import type { Metadata } from "../../stores/airtable/metadata.ts";
import { systemClock } from "../../system/clock.ts";
import { createWebhookSender } from "../../webhooks/sender.ts";
import type { OpenStorages, StorageConnections } from "./storages.ts";

interface Closeable {
  close(): Promise<void>;
}

const SYSTEM = { clock: systemClock, random: Math.random, env: process.env };

/** A base that a host of a fleet holds: what has to be asked before each write. */
export interface HeldBase extends Fence {
  /** Aborted when the base is lost. */
  readonly signal: AbortSignal;
}

/** What the sweep of one base shares with those of other bases. */
export interface Shared {
  readonly base: SharedBase;
  readonly connections: StorageConnections;
}

/** The jobs and targets of the settings. */
export interface OpenStore {
  readonly store: JobStore & JobHistory;
  /** Null where the store has no transactions. */
  readonly atomic: AtomicWriter | null;
  /** Null where the store says itself what it cannot write. */
  readonly metadata: Metadata | null;
  close(): Promise<void> | void;
}

/**
 * Opens the store of the settings. `remaining` returns the milliseconds until the deadline, null without one. Where
 * `journal` is in the same database, what it holds is written in the store's own transactions. Where the base is `held`,
 * that is asked before each write.
 */
export async function openBase(
  settings: Settings,
  remaining: () => number | null,
  shared: Shared | null = null,
  journal: JournalWriter | null = null,
  held: HeldBase | null = null,
): Promise<OpenStore> {
  const { store } = settings;
  switch (store.kind) {
    case "airtable":
      return { ...openAirtableBase(settings, store, remaining, shared, held), atomic: null };
    case "postgres": {
      const opened = await openDatabaseStore(settings, store, journal, held);
      return { ...opened, atomic: opened.store.atomic, metadata: null };
    }
  }
}

/** Opens the jobs and targets in a database. The driver is loaded only then. */
export async function openDatabaseStore(
  settings: Settings,
  store: PostgresSettings,
  journal: JournalWriter | null,
  held: HeldBase | null = null,
) {
  const { openPostgres } = await import("../../stores/postgres/open.ts");
  const { place } = settings.journal;
  const keepsJournal = journal !== null && place?.kind === "postgres";
  const options = postgresOptions(settings, store);
  const opened = openPostgres({
    ...store,
    ...options,
    ...SYSTEM,
    fence: held,
    journal: keepsJournal ? { schema: place.schema, linesOf: journal.linesOf } : null,
  });
  return { ...opened, options };
}

export type { OpenBase };

/** Opens an Airtable base, with its schema. */
export function openAirtableBase(
  { jobs, operations }: Settings,
  airtable: AirtableSettings,
  remaining: () => number | null,
  shared: Shared | null = null,
  held: HeldBase | null = null,
): OpenBase {
  const beforeWrite = held === null ? () => undefined : held.check;
  return openAirtable({
    ...airtable,
    jobs,
    operations,
    ...SYSTEM,
    remaining,
    beforeWrite,
    shared: shared?.base ?? null,
  });
}

/** Where the settings say that jobs and targets are in a database. */
function postgresOptions({ jobs, operations }: Settings, { jobs: { table, id }, links, targets }: PostgresSettings) {
  const { fields, stuckStatuses, completedStatus, failedStatus } = jobs;
  // The schema of the configuration has checked that there is such a column.
  const startedAt = fields.startedAt ?? "";
  // What is delivered into jsonb is no column that could be read by its name.
  const inJsonb = new Set(targets.flatMap(({ fields: places }) => [...places.keys()]));
  return {
    jobs: { table, id, fields: { ...fields, startedAt }, stuckStatuses, completedStatus, failedStatus },
    links,
    furtherFields: furtherFields(operations).filter((name) => !inJsonb.has(name)),
    targets,
  };
}

/** Opens a base before it is configured: for its schema and sample records. */
export function openUnconfigured(airtable: Omit<AirtableSettings, "kind" | "account">): OpenBase {
  const jobs = { ...nca.jobs, fields: { ...nca.jobs.fields, ownId: null, startedAt: null, completedAt: null } };
  return openAirtable({ ...airtable, jobs, operations: [], ...SYSTEM, remaining: () => null });
}

/**
 * Opens the providers of the settings, by name. Outputs they name in our storage are probed by the storage's own probe.
 * Their words are redacted here, since they are written into records: a provider may repeat its key.
 */
export function openProviders(
  { providers }: Settings,
  { probeFor }: Pick<OpenStorages, "probeFor">,
  redact: (text: string) => string,
): { readonly providers: ReadonlyMap<string, Provider> } & Closeable {
  const opened = providers.map((settings) => {
    const status = openStatus(settings);
    const external = createExternalProbe({ ...settings, ...SYSTEM });
    const provider: Provider = {
      url: settings.kind === "http" ? settings.url : settings.baseUrl,
      status: {
        ask: async (externalId, signal) => redactAnswer(await status.ask(externalId, signal), redact),
        requests: status.requests,
      },
      probe: (url, signal) => (probeFor(url) ?? external).probe(url, signal),
      requests: () => status.requests() + external.requests(),
    };
    return { name: settings.name, provider, close: () => Promise.all([status.close(), external.close()]) };
  });
  return {
    providers: new Map(opened.map(({ name, provider }) => [name, provider])),
    async close() {
      await Promise.all(opened.map(({ close }) => close()));
    },
  };
}

function redactAnswer(answer: ProviderAnswer, redact: (text: string) => string): ProviderAnswer {
  const detail = redact(answer.detail);
  return answer.kind === "failed" ? { ...answer, detail, error: redact(answer.error) } : { ...answer, detail };
}

/** Opens the sender for lost webhooks; null where no host is allowed. */
export function openWebhooks({ webhooks }: Settings): (WebhookSender & Closeable) | null {
  return webhooks.allowHosts.length === 0 ? null : createWebhookSender({ ...webhooks, ...SYSTEM });
}

function openStatus(settings: ProviderSettings): ProviderStatus & Closeable {
  switch (settings.kind) {
    case "nca":
      return createNca({ ...settings, ...SYSTEM });
    case "goapi":
      return createGoapi({ ...settings, ...SYSTEM });
    case "http":
      return createGenericProvider({ ...settings, ...SYSTEM });
  }
}
