import type { Settings } from "../config/settings.ts";
import type { Duration } from "../core/domain/job.ts";
import { UpstreamError } from "../core/ports/errors.ts";
import type { Clock, JobStore, OutputPlace, OutputProbe, Provider } from "../core/ports/ports.ts";
import { randomId } from "../core/sweep/probe/calibrate-missing.ts";
import type { Metadata } from "../stores/airtable/metadata.ts";
import type { LockState } from "../system/lock.ts";
import type { AccountOwners } from "./accounts.ts";
import { valueOrNull } from "./answer.ts";
import { checkCalls } from "./api-quota.ts";
import { type CheckResult, pass } from "./check-result.ts";
import { checkClock } from "./clock.ts";
import { checkConfiguration, type Found } from "./configuration.ts";
import { checkFleet, type FleetFacts } from "./fleet.ts";
import { checkListing, checkOperations, readJobs, type Seen } from "./jobs.ts";
import { checkJournal, type JournalFacts } from "./journal.ts";
import { checkLock, checkNode } from "./machine.ts";
import { checkPollers, findPollerNotes } from "./other-pollers.ts";
import { checkDatabase, type DatabaseFacts } from "./postgres.ts";
import { checkProviders } from "./providers.ts";
import { neededFields } from "./required-fields.ts";
import { checkSchema } from "./schema.ts";
import { checkStart } from "./start.ts";
import { checkAddresses, checkStorages, knownOutputs, usedStorages } from "./storage.ts";
import { checkAccess, isVisible, readAccess } from "./token.ts";

/** The input of the checks, which change nothing. */
export interface DoctorInput {
  readonly nodeVersion: string;
  readonly found: Found;
  /** Null where there are no usable settings. */
  readonly world: DoctorEnvironment | null;
}

/** The base, the storage and the providers of the settings. */
export interface DoctorEnvironment {
  readonly settings: Settings;
  /** How often the schedule runs, ms. */
  readonly interval: Duration;
  readonly lock: LockState;
  /** Null where the journal is in a database. */
  readonly journal: JournalFacts | null;
  /** Whether base and bucket are the embedded ones. */
  readonly isSandbox: boolean;
  /** Null without a token or a base id: then only storage and providers are checked. */
  readonly base: { readonly store: JobStore; readonly metadata: Metadata } | null;
  /** Null where jobs are not in a database. */
  readonly database: { readonly store: JobStore; readonly facts: DatabaseFacts } | null;
  readonly probe: OutputProbe;
  /** The storages of operations that have one of their own, by the operation's name. */
  readonly ownPlaces: ReadonlyMap<string, OutputPlace>;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly clock: Clock;
  readonly random: () => number;
  /** Absent where one host sweeps alone. */
  readonly fleet?: FleetFacts;
  /** Whose the accounts of the bases before this one are. */
  readonly owners: AccountOwners;
}

/** Runs every check, in the order in which a run would fail. */
export async function runChecks(
  { nodeVersion, found, world }: DoctorInput,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const first = [...checkNode(nodeVersion), ...checkConfiguration(found)];
  if (world === null) return first;
  const { settings, lock, clock, random, providers } = world;
  const now = clock.now();
  const { findings, known } = await examineStore(world, signal);
  return [
    ...first,
    ...(world.fleet === undefined ? checkLock(lock, settings.deadline, now) : checkFleet(world.fleet)),
    ...(world.journal === null ? [] : checkJournal(world.journal, settings)),
    ...findings,
    ...(settings.store.kind === "airtable" ? checkStart(settings) : []),
    ...(world.isSandbox ? [] : checkAddresses(usedStorages(settings, world))),
    ...(await checkStorages(usedStorages(settings, world), known, random, signal)),
    ...(await checkProviders(providers, randomId(random), signal)),
  ];
}

interface Examined {
  readonly findings: readonly CheckResult[];
  /** The newest output of each operation; null where the jobs were not read. */
  readonly known: Awaited<ReturnType<typeof knownOutputs>> | null;
}

const NO_BASE: Examined = { findings: [], known: null };

async function examineStore(world: DoctorEnvironment, signal: AbortSignal): Promise<Examined> {
  if (world.base !== null) return await examineBase(world.base, world, signal);
  return world.database === null ? NO_BASE : await examineDatabase(world.database, world, signal);
}

async function examineDatabase(
  { store, facts }: NonNullable<DoctorEnvironment["database"]>,
  world: DoctorEnvironment,
  signal: AbortSignal,
): Promise<Examined> {
  const { settings, clock } = world;
  const checks = checkDatabase(facts);
  if (checks.some(({ level }) => level === "fail")) return { findings: checks, known: null };
  const now = () => clock.now() + (store.clockSkewMs() ?? 0);
  const jobs = await readJobs(store, settings, now(), signal);
  if (jobs instanceof UpstreamError) return { findings: [...checks, ...checkListing(jobs, "postgres")], known: null };
  const stuck = `${jobs.stuck.length}${jobs.whole ? "" : " or more"} stuck now`;
  const findings = [
    ...checks,
    pass("jobs", "jobs", stuck),
    ...checkOperations(jobs, settings),
    ...checkClock(store.clockSkewMs(), "the database's"),
  ];
  return { findings, known: await knownOutputs(store, world, settings.operations, now(), signal) };
}

async function examineBase(
  { store, metadata }: NonNullable<DoctorEnvironment["base"]>,
  world: DoctorEnvironment,
  signal: AbortSignal,
): Promise<Examined> {
  const { settings, interval, clock } = world;
  const access = await readAccess(metadata, signal);
  const now = () => clock.now() + (store.clockSkewMs() ?? 0);
  const tables = valueOrNull(access.tables);
  const schema = tables === null ? [] : checkSchema(settings, tables);
  const answers = isVisible(access, settings.store.baseId) && !blocksListing(schema, settings);
  const jobs = answers ? await readJobs(store, settings, now(), signal) : null;
  const seen: Seen | null = jobs instanceof UpstreamError ? null : jobs;
  const traces = seen === null ? [] : findPollerNotes(seen, now());
  const account = settings.store.kind === "airtable" ? settings.store.account : null;
  const findings = [
    ...checkAccess(
      access,
      settings.store.baseId,
      traces.some(({ runId }) => runId !== null),
      account,
    ),
    ...world.owners.check(account, valueOrNull(access.identity)?.userId ?? ""),
    ...schema,
    ...(jobs instanceof UpstreamError ? checkListing(jobs) : []),
    ...(seen === null ? [] : checkOperations(seen, settings)),
    ...checkClock(store.clockSkewMs()),
    ...(seen === null ? [] : checkPollers(traces)),
    ...checkCalls(interval, seen, traces, settings, now()),
  ];
  const known = seen === null ? null : await knownOutputs(store, world, settings.operations, now(), signal);
  return { findings, known };
}

/** Airtable refuses a listing that names a missing field: the schema check has found and reported that already. */
function blocksListing(schema: readonly CheckResult[], settings: Settings): boolean {
  const ofJobs = new Set([
    "jobs.table",
    ...neededFields(settings)
      .filter(({ table }) => table === settings.jobs.table)
      .map(({ key }) => key),
  ]);
  return schema.some(({ id, level, title }) => level === "fail" && id !== "schema.option" && ofJobs.has(title));
}
