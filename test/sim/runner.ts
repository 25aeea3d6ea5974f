import { setMaxListeners } from "node:events";
import type { Command, Report } from "../../src/core/domain/report.ts";
import { isUpstreamError, isUpstreamFailure } from "../../src/core/ports/errors.ts";
import type { Journal } from "../../src/core/ports/journal.ts";
import type { JobStore } from "../../src/core/ports/ports.ts";
import { PastWrites } from "../../src/core/sweep/apply/past-writes.ts";
import { WriteGate } from "../../src/core/sweep/apply/write-gate.ts";
import type { SweepContext } from "../../src/core/sweep/context.ts";
import { sweep } from "../../src/core/sweep/sweep.ts";
import { createRequests } from "../../src/stores/airtable/requests.ts";
import { createStore } from "../../src/stores/airtable/store.ts";
import { POLICY, SECOND, THRESHOLDS } from "../support/builders.ts";
import type { FleetHold } from "./fleet.ts";
import { NO_TIES, tiesOf } from "./fleet-host.ts";
import { exchangeOf, type Line, probeOf } from "./network.ts";
import { OPERATIONS } from "./operations.ts";
import type { Random } from "./random.ts";
import type { Recorder } from "./recorder.ts";
import { providerOf, webhooksOf } from "./services.ts";
import { transactionsOf, withVersions } from "./transactions.ts";
import { BASE_ID, type World } from "./world.ts";

/** How a sweep ended, as its caller would see it. */
export type Ending =
  | { readonly kind: "reported"; readonly report: Report }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "killed" }
  /** By a fault of its own. */
  | { readonly kind: "crashed"; readonly message: string };

export interface RunnerOptions {
  readonly name: string;
  readonly command: Command;
  readonly dryRun: boolean;
  /** How far its clock is ahead, in ms. */
  readonly skew: number;
  /** The sweep dies at its n-th await; null: it lives. */
  readonly killAt: number | null;
  /** It is stopped so many ms after its start; null: it is not. */
  readonly stopAt: number | null;
  /** Works on no more than so many jobs; null: on all. */
  readonly limit: number | null;
  /** The jobs, by record id or external id, and the operations that it was given; null: all. */
  readonly named: readonly string[] | null;
  readonly only: readonly string[] | null;
  readonly force: boolean;
  /** Whether a person is asked about each job. */
  readonly confirm: boolean;
  readonly troubled: boolean;
  /** What the sweep knows of its fleet; null where it is in none. */
  readonly hold: FleetHold | null;
}

const DEADLINE = 90 * SECOND;

/** When the run's limits come: as cli/limits.ts sets them. */
const SHARES = [0.5, 0.8, 1, 1] as const;

/** One sweep on a machine of its own, over the real adapter, with faults between it and the world. */
export function startSweep(world: World, recorder: Recorder, random: Random, options: RunnerOptions): Promise<Ending> {
  const { clock } = world;
  const own = clock.seenBy(options.skew);
  let killed = false;
  let announceDeath: (ending: Ending) => void = () => undefined;
  const death = new Promise<Ending>((resolve) => {
    announceDeath = resolve;
  });
  let awaited = 0;
  const pulse = async (): Promise<void> => {
    awaited += 1;
    if (options.killAt !== null && awaited === options.killAt) {
      killed = true;
      announceDeath({ kind: "killed" });
    }
    if (killed) await new Promise(() => undefined);
  };
  const { hold } = options;
  let stoppedUntil = 0;
  /** A host that stands still goes on here, unless it was killed meanwhile. */
  const awake = async (): Promise<void> => {
    while (clock.now() < stoppedUntil) await clock.sleep(stoppedUntil - clock.now());
    if (killed) await new Promise(() => undefined);
  };
  const standStill = (ms: number) => {
    if (ms > 0) world.log(`${options.name} stands still for ${ms} ms`);
    stoppedUntil = Math.max(stoppedUntil, clock.now() + ms);
  };
  const living = {
    now: own.now,
    sleep: async (ms: number, signal?: AbortSignal) => {
      await own.sleep(ms, signal);
      if (hold !== null) await awake();
      await pulse();
    },
  };
  const broken = (what: string) => void recorder.violations.push(`${options.name} ${what}`);
  const ties = hold === null ? NO_TIES : tiesOf(hold, living, { awake, standStill }, broken);

  const limits = SHARES.map(() => new AbortController());
  setMaxListeners(0, ...limits.map(({ signal }) => signal));
  const cancels = limits.map((limit, n) =>
    clock.after(DEADLINE * (SHARES[n] ?? 1), () => limit.abort(new DOMException("the deadline", "TimeoutError"))),
  );
  if (options.stopAt !== null) {
    const stop = () => limits.slice(0, 3).forEach((limit) => void limit.abort(new DOMException("stop", "AbortError")));
    cancels.push(clock.after(options.stopAt, stop));
  }
  if (hold !== null && hold.pause !== null) {
    const { at, length } = hold.pause;
    cancels.push(clock.after(at, () => standStill(length)));
  }
  const endsAt = clock.now() + DEADLINE;
  const [listing, start, reads, writes] = limits.map(({ signal }) => signal);
  if (!listing || !start || !reads || !writes) throw new Error("unreachable");

  const line = {
    world,
    recorder,
    random,
    name: options.name,
    troubled: options.troubled,
    pulse,
    ...ties.line,
  };
  let next = clock.now();
  const requests = createRequests({
    client: ties.client(exchangeOf(line)),
    beforeWrite: ties.beforeWrite,
    async acquireSlot(signal) {
      const at = Math.max(next, clock.now());
      next = at + 260;
      await living.sleep(at - clock.now(), signal);
      return { sent() {}, done() {} };
    },
    clock: living,
    random: random.next,
    remaining: () => Math.max(0, endsAt - clock.now()),
  });
  const { onExisting, via, fallback } = world.scenario;
  const provider = world.scenario.provider ? "nca" : null;
  const maxAge = world.scenario.ageless ? null : THRESHOLDS.maxAge;
  const thresholds = { ...THRESHOLDS, maxAge };
  const operations = Object.values(OPERATIONS).map(({ configured }) => ({
    ...configured,
    thresholds,
    onExisting,
    completeVia: via,
    fallback,
    provider,
  }));
  const probe = probeOf(line);
  const listed = createStore(requests, {
    baseId: BASE_ID,
    jobs: { table: "Jobs", fields: fieldsOf(world), completedStatus: "completed" },
    operations,
  });
  const store = withCut(world.transactional ? withVersions(listed) : listed, world.scenario.listingCut);
  const hasNotes = world.scenario.notes !== "none";
  const journal = ties.journal(journalOf(line));
  const signature = { runId: options.name, version: "0.0.0" };
  const run: SweepContext = {
    command: options.command,
    dryRun: options.dryRun,
    force: options.force,
    limit: options.limit,
    named: options.named,
    only: options.only,
    policy: { ...POLICY, operations, thresholds, mode: options.command === "fail-old" ? "fail" : "recover" },
    brake: { minimum: 5, maxFails: world.scenario.maxFails },
    completedStatus: "completed",
    failedStatus: "failed",
    signature,
    concurrency: 4,
    requestsPerSecond: 4,
    store,
    atomic: world.transactional ? ties.atomic(transactionsOf(line)) : null,
    providers: new Map(provider === null ? [] : [[provider, providerOf(line, probe.probe)]]),
    webhooks: ties.webhooks(webhooksOf(line)),
    via: null,
    probe,
    journal,
    past: new PastWrites(journal),
    gate: new WriteGate({
      journal,
      findUnwritable: null,
      hasNotes,
      force: options.force,
      clock: living,
      signature,
      command: options.command,
    }),
    hasNotes,
    clock: living,
    random: random.next,
    limits: ties.limits({ listing, start, reads, writes }),
    observer: { stage() {}, listed() {}, probed() {}, async jobDone() {}, warn() {} },
    lateOutputs: true,
    otherNames: ["{externalId}_captioned.mp4"],
    ownPlaces: new Map(),
    confirm: options.confirm ? personOf(line) : null,
  };
  const swept = sweep(run).then(
    ({ report }): Ending => {
      recorder.reported(options.name, report);
      return { kind: "reported", report };
    },
    (error: unknown): Ending => {
      // In this world the token and the configuration are right.
      const blamed = isUpstreamError(error) && error.code !== "unavailable";
      if (!blamed && (isUpstreamFailure(error) || reads.aborted)) return { kind: "refused", message: String(error) };
      return { kind: "crashed", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    },
  );
  return Promise.race([swept, death]).finally(() => {
    for (const cancel of cancels) cancel();
  });
}

/** Someone who takes their time, and agrees to most of it. */
function personOf({ world, recorder, random, name, pulse }: Line): NonNullable<SweepContext["confirm"]> {
  return async ({ id }) => {
    await world.clock.sleep(random.whole(500, 8_000));
    await pulse();
    const answer = random.chance(0.2) ? "no" : "yes";
    recorder.answered(name, id, answer);
    return answer;
  };
}

/** Of many completed jobs the store reads only some, and says so. */
function withCut(store: JobStore, most: number | null): JobStore {
  if (most === null) return store;
  return {
    ...store,
    async listCompleted(after, signal) {
      const { jobs, complete } = await store.listCompleted(after, signal);
      return { jobs: jobs.slice(0, most), complete: complete && jobs.length <= most };
    },
  };
}

/** The machine's disk: it outlasts a kill, which may come before a line, after it, and after the write. */
function journalOf({ world, random, pulse, troubled }: Line): Journal {
  const { disk } = world.scenario.trouble;
  const isSlow = () => troubled && !world.calm && disk > 0 && random.chance(disk);
  return {
    async recordIntent(writes, by) {
      await pulse();
      if (isSlow()) await world.clock.sleep(random.whole(500, 9_000));
      const settle = await world.journal.recordIntent(writes, by);
      await pulse();
      return async (results) => {
        await pulse();
        await settle(results);
      };
    },
    async recordWebhookIntent(job, by) {
      await pulse();
      const complete = await world.journal.recordWebhookIntent(job, by);
      await pulse();
      return complete;
    },
    recordRefusal: (refused) => world.journal.recordRefusal(refused),
    isWritable: async () => true,
    readRefusals: () => world.journal.readRefusals(),
    readWrites: () => world.journal.readWrites(),
    readWebhooks: () => world.journal.readWebhooks(),
    recordVerdicts: async () => undefined,
  };
}

/** The fields that the base has, as the configuration names them. */
export function fieldsOf({ scenario }: World) {
  return {
    ...FIELDS,
    notes: scenario.notes === "none" ? null : "Notes",
    startedAt: scenario.startedAt === null ? null : "Started At",
  };
}

const FIELDS = {
  status: "Status",
  type: "Type",
  externalId: "External Job ID",
  ownId: null,
  requestPayload: "Request Payload",
  responsePayload: "Response Payload",
  webhookUrl: "Webhook URL",
  error: "Error Details",
  completedAt: null,
};
