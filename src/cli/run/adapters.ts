import { nca } from "../../config/presets/nca.ts";
import type { ProviderSettings } from "../../config/resolve/providers.ts";
import type { Settings } from "../../config/settings.ts";
import type { OutputProbe, Provider, ProviderStatus, WebhookSender } from "../../core/ports/ports.ts";
import type { StorageConnection } from "../../storage/connection.ts";
import { createProbe } from "../../storage/probe.ts";
import {
  type OpenBase,
  openBase as openAirtable,
  type SharedLimits as SharedBase,
} from "../../stores/airtable/base.ts";
import { systemClock } from "../../system/clock.ts";

/** What is open, and is to be closed. */
interface Closeable {
  close(): Promise<void>;
}

const SYSTEM = { clock: systemClock, random: Math.random };

/** What one base of several shares with the others. */
export interface Shared {
  readonly base: SharedBase;
  readonly lane: StorageConnection;
}

/** The base of the settings. `remaining` tells the milliseconds until the deadline, null without one. */
export function openBase(
  { airtable, jobs, operations }: Settings,
  remaining: () => number | null,
  shared: Shared | null = null,
): OpenBase {
  return openAirtable({ ...airtable, jobs, operations, ...SYSTEM, remaining, shared: shared?.base ?? null });
}

export type { OpenBase };

/** A base of which nothing is configured yet: its schema and samples of its records can be had, its jobs cannot. */
export function openUnconfigured(airtable: Settings["airtable"]): OpenBase {
  const jobs = { ...nca.jobs, fields: { ...nca.jobs.fields, ownId: null, startedAt: null, completedAt: null } };
  return openAirtable({ ...airtable, jobs, operations: [], ...SYSTEM, remaining: () => null });
}

/** The place where the outputs of the settings lie. */
export function openStorage({ storage }: Settings, shared: Shared | null = null): OutputProbe & Closeable {
  return createProbe({ ...storage, ...SYSTEM, lane: shared?.lane ?? null });
}

/** The providers of the settings, by their names. What they say lies in the storage is looked at by its own probe. */
export async function openProviders(
  { providers, storage }: Settings,
  probe: OutputProbe,
): Promise<{ readonly providers: ReadonlyMap<string, Provider> } & Closeable> {
  const opening = providers.map(async (settings) => {
    const status = await openStatus(settings);
    const { createExternalProbe: createAbroadProbe } = await import("../../storage/external-probe.ts");
    const abroad = createAbroadProbe({ ...settings, ...SYSTEM });
    const provider: Provider = {
      url: settings.kind === "http" ? settings.url : settings.baseUrl,
      status,
      look: (url, signal) => (isSameOrigin(storage.baseUrl, url) ? probe : abroad).probe(url, signal),
      requests: () => status.requests() + abroad.requests(),
    };
    return { name: settings.name, provider, close: () => Promise.all([status.close(), abroad.close()]) };
  });
  const opened = await Promise.all(opening);
  return {
    providers: new Map(opened.map(({ name, provider }) => [name, provider])),
    async close() {
      await Promise.all(opened.map(({ close }) => close()));
    },
  };
}

/** Sends webhooks of the settings again; null where no host is allowed to get one. */
export async function openWebhooks({ webhooks }: Settings): Promise<(WebhookSender & Closeable) | null> {
  if (webhooks.allowHosts.length === 0) return null;
  const { createWebhookSender: createWebhookReplay } = await import("../../webhooks/resend.ts");
  return createWebhookReplay(webhooks);
}

/** Each is loaded only where it is configured: two of them bring zod along. */
async function openStatus(settings: ProviderSettings): Promise<ProviderStatus & Closeable> {
  switch (settings.kind) {
    case "nca":
      return (await import("../../providers/nca.ts")).createNca({ ...settings, ...SYSTEM });
    case "goapi":
      return (await import("../../providers/goapi.ts")).createGoapi({ ...settings, ...SYSTEM });
    case "http":
      return (await import("../../providers/generic.ts")).createGenericProvider({ ...settings, ...SYSTEM });
  }
}

/** Whether the URL is one of the storage's own host, and holds no user that it does not have. */
function isSameOrigin(baseUrl: string, url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { origin, username, password } = new URL(url);
  return origin === new URL(baseUrl).origin && `${username}${password}` === "";
}
