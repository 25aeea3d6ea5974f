import type { Env } from "../../../config/env/variables.ts";
import type { FleetSettings } from "../../../config/resolve/fleet.ts";
import { countRequests } from "../../../core/domain/report.ts";
import { UpstreamError } from "../../../core/ports/errors.ts";
import { allProbes } from "../../../core/sweep/places.ts";
import { AccountOwners } from "../../../doctor/accounts.ts";
import type { FleetFacts } from "../../../doctor/fleet.ts";
import { type DoctorEnvironment, runChecks } from "../../../doctor/run-checks.ts";
import { systemClock } from "../../../system/clock.ts";
import { lockKey, readLock } from "../../../system/lock.ts";
import type { Diagnosis } from "../../render/doctor.ts";
import type { FoundConfiguration } from "../../settings/find-configuration.ts";
import { openAirtableBase, openProviders } from "../adapters.ts";
import { openFleetShare } from "../fleet/fleet-share.ts";
import { openStorages } from "../storages.ts";
import { inspectDatabase } from "./inspect-database.ts";
import { inspectJournal } from "./inspect-journal.ts";

/**
 * Runs the checks of doctor over the base, the storage and the providers of a configuration.
 *
 * @param env where the state folder is read from
 * @param all the configurations of all bases, which a fleet compares; null where only some were asked for
 * @param owners whose the accounts of the bases before this one are
 */
export async function diagnose(
  found: FoundConfiguration,
  env: Env,
  all: readonly FoundConfiguration[] | null = [found],
  owners: AccountOwners = new AccountOwners(),
): Promise<Diagnosis> {
  const input = { nodeVersion: process.versions.node, found };
  // A person may end the process at any time: no write has to be finished.
  const never = new AbortController().signal;
  const { settings } = found;
  if (settings === null) {
    return { findings: await runChecks({ ...input, world: null }, never), requests: NO_REQUESTS };
  }
  const { store } = settings;
  const share = await openFleetShare(settings, false);
  const base =
    store.kind === "airtable" && found.hasBase
      ? openAirtableBase(settings, store, () => null, share?.shared ?? null)
      : null;
  const storages = openStorages(settings);
  const providers = openProviders(settings, storages, (text) => text);
  const database = store.kind === "postgres" ? await inspectDatabase(settings, store, never) : null;
  const environment: DoctorEnvironment = {
    settings,
    interval: found.environment.intervalMinutes * 60_000,
    lock: store.kind === "airtable" ? await readLock(lockKey(store)) : NO_LOCK,
    journal: await inspectJournal(settings, env),
    isSandbox: found.isSandbox,
    base,
    database,
    probe: storages.probe,
    ownPlaces: storages.ownPlaces,
    providers: providers.providers,
    clock: systemClock,
    random: Math.random,
    owners,
    ...(settings.fleet === null ? {} : { fleet: await inspectFleet(settings.fleet, all, never) }),
  };
  try {
    const findings = await runChecks({ ...input, world: environment }, never);
    const provider = [...environment.providers.values()].reduce((sum, each) => sum + each.requests(), 0);
    const toStore = (base ?? database)?.store.requests() ?? 0;
    return {
      findings,
      requests: {
        ...countRequests(store.kind, toStore),
        storage: allProbes(storages).reduce((sum, each) => sum + each.requests(), 0),
        provider,
      },
    };
  } finally {
    await Promise.all([base?.close(), database?.close(), storages.close(), providers.close()]);
    await share?.close();
  }
}

/** Reads the current slot of the fleet, and compares the configuration of all bases with the one that planned it. */
async function inspectFleet(
  { interval, ...fleet }: FleetSettings,
  all: readonly FoundConfiguration[] | null,
  signal: AbortSignal,
): Promise<FleetFacts> {
  const [{ openFleet }, { digestOf }, { survey }] = await Promise.all([
    import("../fleet/open-fleet.ts"),
    import("../../../fleet/digest.ts"),
    import("../../../fleet/tables.ts"),
  ]);
  const opened = openFleet({ interval, ...fleet }, interval);
  const { tables } = opened;
  const configured = all?.flatMap(({ settings }) => settings ?? []) ?? null;
  const digest = configured === null ? null : digestOf(configured, interval);
  const facts = { name: tables.database.name, schema: tables.schema, digest };
  try {
    return { ...facts, planned: (await survey(tables, interval, signal)).planned };
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return { ...facts, planned: error };
  } finally {
    await opened.close();
  }
}

/** Over a database no lock is taken. */
const NO_LOCK = { holder: null, reach: "no other run: transactions decide between them" };

const NO_REQUESTS = { airtable: 0, storage: 0, provider: 0 };
