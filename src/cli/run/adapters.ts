import { nca } from "../../config/presets/nca.ts";
import type { ProviderSettings } from "../../config/resolve/providers.ts";
import type { Settings } from "../../config/settings.ts";
import type { OutputProbe, ProviderStatus, WebhookReplay } from "../../core/ports/ports.ts";
import type { Provider } from "../../core/sweep/context.ts";
import type { Lane } from "../../storage/connection.ts";
import { createProbe } from "../../storage/probe.ts";
import { type OpenBase, openBase as openAirtable, type Shared as SharedBase } from "../../stores/airtable/base.ts";
import { systemClock } from "../../system/clock.ts";

/** What is open, and is to be closed. */
interface Closing {
  close(): Promise<void>;
}

const MEANS = { clock: systemClock, random: Math.random };

/** What one base of several shares with the others. */
export interface Shared {
  readonly base: SharedBase;
  readonly lane: Lane;
}

/** The base of the settings. `remaining` tells the milliseconds until the deadline, null without one. */
export function openBase(
  { airtable, jobs, operations }: Settings,
  remaining: () => number | null,
  shared: Shared | null = null,
): OpenBase {
  return openAirtable({ ...airtable, jobs, operations, ...MEANS, remaining, shared: shared?.base ?? null });
}

export type { OpenBase };

/** A base of which nothing is configured yet: its schema and samples of its records can be had, its jobs cannot. */
export function openUnconfigured(airtable: Settings["airtable"]): OpenBase {
  const jobs = { ...nca.jobs, fields: { ...nca.jobs.fields, ownId: null, startedAt: null, completedAt: null } };
  return openAirtable({ ...airtable, jobs, operations: [], ...MEANS, remaining: () => null });
}

/** The place where the outputs of the settings lie. */
export function openStorage({ storage }: Settings, shared: Shared | null = null): OutputProbe & Closing {
  return createProbe({ ...storage, ...MEANS, lane: shared?.lane ?? null });
}

/** The providers of the settings, by their names. What they say lies in the storage is looked at by its own probe. */
export async function openProviders(
  { providers, storage }: Settings,
  probe: OutputProbe,
): Promise<{ readonly providers: ReadonlyMap<string, Provider> } & Closing> {
  const opening = providers.map(async (settings) => {
    const status = await openStatus(settings);
    const { createAbroadProbe } = await import("../../storage/external-probe.ts");
    const abroad = createAbroadProbe({ ...settings, ...MEANS });
    const provider: Provider = {
      url: settings.kind === "http" ? settings.url : settings.baseUrl,
      status,
      look: (url, signal) => (isIn(storage.baseUrl, url) ? probe : abroad).look(url, signal),
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
export async function openWebhooks({ webhooks }: Settings): Promise<(WebhookReplay & Closing) | null> {
  if (webhooks.allowHosts.length === 0) return null;
  const { createWebhookReplay } = await import("../../webhooks/resend.ts");
  return createWebhookReplay(webhooks);
}

/** Each is loaded only where it is configured: two of them bring zod along. */
async function openStatus(settings: ProviderSettings): Promise<ProviderStatus & Closing> {
  switch (settings.kind) {
    case "nca":
      return (await import("../../providers/nca.ts")).createNca({ ...settings, ...MEANS });
    case "goapi":
      return (await import("../../providers/goapi.ts")).createGoapi({ ...settings, ...MEANS });
    case "http":
      return (await import("../../providers/generic.ts")).createHttpProvider({ ...settings, ...MEANS });
  }
}

/** Whether the URL is one of the storage's own host, and holds no user that it does not have. */
function isIn(baseUrl: string, url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { origin, username, password } = new URL(url);
  return origin === new URL(baseUrl).origin && `${username}${password}` === "";
}
