import { randomUUID } from "node:crypto";
import type { Settings } from "../../config/settings.ts";
import { PastWrites } from "../../core/sweep/apply/past-writes.ts";
import { WriteGate } from "../../core/sweep/apply/write-gate.ts";
import type { Observer, SweepContext } from "../../core/sweep/context.ts";
import type { JournalWriter } from "../../journal/write.ts";
import { systemClock } from "../../system/clock.ts";
import type { Invocation } from "../context.ts";
import { VERSION } from "../version.ts";
import { type HeldBase, openBase, openProviders, openWebhooks, type Shared } from "./adapters.ts";
import type { RunLimits } from "./deadlines.ts";
import { guardJournal, guardWebhooks, whileHeld } from "./fleet/while-held.ts";
import { journalOf, openJournal } from "./open-journal.ts";
import { openStorages } from "./storages.ts";
import { findUnwritable } from "./unwritable.ts";

/** Opens everything that a sweep needs: base, storage, providers, webhooks, journal. No request is sent yet. */
export async function openSweep(
  invocation: Invocation,
  settings: Settings,
  limits: RunLimits,
  observer: Observer,
  shared: Shared | null = null,
  held: HeldBase | null = null,
): Promise<{ readonly run: SweepContext; close(): Promise<void> }> {
  const plain = openJournal(invocation, settings);
  const journal = plain === null || held === null ? plain : guardJournal(plain, held);
  // A run that may not write reads what others have recorded.
  const recorded = journal ?? journalOf(invocation, settings);
  const base = await openBase(settings, () => limits.remaining(), shared, journal, held);
  const { flags } = invocation;
  const { metadata } = base;
  const storages = openStorages(settings, shared?.connections ?? null);
  const providers = openProviders(settings, storages, invocation.terminal.redact);
  const sender = openWebhooks(settings);
  const webhooks = sender === null || held === null ? sender : guardWebhooks(sender, held);
  const options = sweepOptions(invocation, settings);
  const run: SweepContext = {
    ...options,
    gate: new WriteGate({
      ...options,
      journal,
      findUnwritable:
        metadata === null || flags.sandbox !== undefined || flags.force === true
          ? null
          : async () =>
              (await hasWritten(journal)) ? new Map() : findUnwritable(metadata, settings, observer.warn, limits.reads),
    }),
    store: base.store,
    atomic: base.atomic,
    probe: storages.probe,
    ownPlaces: storages.ownPlaces,
    providers: providers.providers,
    webhooks,
    journal,
    past: new PastWrites(recorded),
    limits: held === null ? limits : whileHeld(limits, held),
    observer,
  };
  return {
    run,
    async close() {
      await Promise.all([base.close(), storages.close(), providers.close(), webhooks?.close(), recorded?.close()]);
    },
  };
}

/** Whether an earlier run wrote to the base, as far as its journal can be read: then its fields take what is written. */
async function hasWritten(journal: JournalWriter | null): Promise<boolean> {
  return journal !== null && (await journal.isWritable()) && (await journal.hasWritten());
}

/** A database takes many writes at once: the end of a run is planned by no pace. */
const DATABASE_WRITES_PER_SECOND = 100;

/** Returns the options of the sweep from flags and settings. */
function sweepOptions(
  { command, flags, confirm }: Invocation,
  settings: Settings,
): Omit<
  SweepContext,
  | "store"
  | "atomic"
  | "probe"
  | "ownPlaces"
  | "providers"
  | "webhooks"
  | "journal"
  | "past"
  | "gate"
  | "limits"
  | "observer"
> {
  const storages = [settings.storage, ...settings.operationStorages.values()];
  return {
    command,
    dryRun: flags.dryRun === true,
    force: flags.force === true,
    limit: flags.limit ?? null,
    named: flags.job ?? null,
    only: flags.operation ?? null,
    policy: {
      stuckStatuses: settings.jobs.stuckStatuses,
      operations: settings.operations,
      thresholds: settings.thresholds,
      mode: command === "fail-old" ? "fail" : "recover",
      failEnabled: flags.fail !== false,
    },
    brake: settings.brake,
    hasNotes: settings.jobs.fields.notes !== null,
    lateOutputs: settings.lateOutputs,
    otherNames: settings.storage.otherNames,
    completedStatus: settings.jobs.completedStatus,
    failedStatus: settings.jobs.failedStatus,
    via: flags.via ?? null,
    signature: { runId: randomUUID(), version: VERSION },
    concurrency: Math.max(...storages.map(({ concurrency }) => concurrency)),
    requestsPerSecond:
      settings.store.kind === "airtable" ? settings.store.requestsPerSecond : DATABASE_WRITES_PER_SECOND,
    clock: systemClock,
    random: Math.random,
    confirm: confirm === undefined ? null : (entry) => confirm(entry, settings),
  };
}
