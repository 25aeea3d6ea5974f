import type { FleetSettings } from "../../../config/resolve/fleet.ts";
import type { Settings } from "../../../config/settings.ts";
import type { Duration } from "../../../core/domain/job.ts";
import { UpstreamError } from "../../../core/ports/errors.ts";
import type { Query } from "../../../database/connection.ts";
import { digestOf } from "../../../fleet/digest.ts";
import { type Claim, keepClaim } from "../../../fleet/keep-claim.ts";
import type { HeldSweep, Queue } from "../../../fleet/queue.ts";
import { sweepId } from "../../../fleet/slot-id.ts";
import { openSlot, recordBegin, recordEnd, type Survey, survey, sweepingOrder } from "../../../fleet/tables.ts";
import { isMonitored } from "../../../monitoring/notify-run.ts";
import { pingStart, pingTargetOf, type Start } from "../../../monitoring/ping.ts";
import { systemClock } from "../../../system/clock.ts";
import { neverAborted } from "../../../system/never.ts";
import type { Invocation } from "../../context.ts";
import { EXIT, exitCodeOfFailure } from "../../exit-codes.ts";
import { type BaseOutcome, type CombinedOutcome, totalOf } from "../../outcome.ts";
import type { Format } from "../../render/print-report.ts";
import { renderTotal } from "../../render/total.ts";
import { linesOf } from "../../terminal/log.ts";
import { splitProgress } from "../../terminal/progress.ts";
import { crashOutcome, monitorDeps, resultOf } from "../monitoring.ts";
import { baseOf, runMany, sweepOne } from "../run-bases.ts";
import { openSharedConnections } from "../shared-connections.ts";
import type { Shutdown } from "../signals.ts";
import { openSweepFrame, type SweepFrame } from "../sweep-once.ts";
import { closeAndReport } from "./close-slots.ts";
import { type OpenFleet, openFleet } from "./open-fleet.ts";

type Bases = readonly [Settings, ...Settings[]];

/**
 * Does this host's part of the current slot: plans it where no other host has, sweeps bases until none is left or the
 * deadline has passed, and closes what is done. The outcome is that of the bases that this host has swept.
 */
export async function runFleet(
  invocation: Invocation,
  bases: Bases,
  settings: FleetSettings,
  format: Format,
  stop: Shutdown,
): Promise<CombinedOutcome> {
  const { terminal, command } = invocation;
  const startedAt = systemClock.now();
  const fleet = openFleet(settings, bases[0].deadline);
  let part: Part;
  try {
    part = await doPart({ invocation, bases, fleet, format, stop });
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    part = { ended: [], failure: error };
  } finally {
    await fleet.close();
  }
  const { ended, failure } = part;
  if (failure !== null && failure.code === "unavailable" && settings.whenDown === "alone" && ended.length === 0) {
    terminal.log(`${failure.message}; this host sweeps alone, with 1/${settings.hosts} of the request rates`, "warn");
    const [first, ...others] = bases;
    return await runMany(
      invocation,
      [aloneOf(first, settings), ...others.map((each) => aloneOf(each, settings))],
      format,
      stop,
      settings.hosts,
    );
  }
  if (failure !== null) terminal.log(linesOf(failure), "error");
  const total = totalOf(ended, { command, dryRun: false, startedAt, finishedAt: systemClock.now() });
  const code = stop.code() ?? (failure === null ? total.code : worse(total, failure));
  // A resident worker has nothing to say where there was nothing to do.
  const shown = format === "summary" && ended.length === 0 ? "line" : format;
  await terminal.outAll(await renderTotal({ ...total, code }, shown, invocation));
  return { ...total, code };
}

/** What ended the run early says more than the bases that were swept before; code 2 promises that none was. */
function worse({ ended }: CombinedOutcome, failure: UpstreamError): CombinedOutcome["code"] {
  const code = exitCodeOfFailure(failure);
  return code === EXIT.usage && ended.length > 0 ? EXIT.partial : code;
}

/** Without the database each host takes its part of the rates, and its journal stays on the host. */
function aloneOf(base: Settings, { hosts }: FleetSettings): Settings {
  const { store, storage, journal } = base;
  return {
    ...base,
    fleet: null,
    journal: { ...journal, place: { kind: "default" } },
    store: store.kind === "airtable" ? { ...store, requestsPerSecond: store.requestsPerSecond / hosts } : store,
    storage: { ...storage, requestsPerSecond: storage.requestsPerSecond / hosts },
  };
}

/** What the parts of one pass share. */
interface Pass {
  readonly invocation: Invocation;
  readonly bases: Bases;
  readonly fleet: OpenFleet;
  readonly format: Format;
  readonly stop: Shutdown;
}

/** What a host did in one pass, and what of the fleet's database kept it from doing more. */
interface Part {
  readonly ended: readonly BaseOutcome[];
  readonly failure: UpstreamError | null;
}

const NOTHING: Part = { ended: [], failure: null };

/** Does what there is to do: nothing, most often. */
async function doPart(pass: Pass): Promise<Part> {
  const { bases, fleet, invocation, stop } = pass;
  const { tables, settings } = fleet;
  const digest = digestOf(bases, settings.interval);
  const found = await survey(tables, settings.interval, stop.signal);
  checkDigest(found, digest);
  const { planned, ready, lapsed, held, closable } = found;
  if (planned !== null && ready + lapsed + closable === 0) return NOTHING;
  const start = planned === null ? await planSlot(pass, found, digest) : null;
  const queue = await fleet.queue();
  if (planned === null || lapsed > 0) await queue.supervise();
  const isBusy = planned === null || ready + lapsed > 0 || held > 0;
  const part = isBusy ? await work(pass, queue, digest) : NOTHING;
  await start?.end();
  if (part.failure === null) await closeAndReport(fleet, bases, invocation, stop);
  return part;
}

/** Takes nothing where another configuration has planned the slot. */
function checkDigest({ planned }: Survey, digest: string): void {
  if (planned === null || planned.digest === digest) return;
  const message = `this host has the configuration ${digest}, and ${planned.host} planned the slot of ${planned.start} by ${planned.digest}; nothing was swept`;
  throw new UpstreamError(
    "config",
    message,
    "Give all hosts of the fleet one configuration; stuck-jobs config show prints it.",
  );
}

/** Plans the slot, unless another host does at the same time; returns its start ping. */
async function planSlot(
  { bases, fleet, invocation, stop }: Pass,
  { slot }: Survey,
  digest: string,
): Promise<Start | null> {
  const { tables, settings, host } = fleet;
  const queue = await fleet.queue();
  const ids = bases.map(({ store: { baseId } }) => baseId);
  const { interval } = settings;
  const opened = { start: slot, digest, host, interval, bases: bases.length };
  const plan = async (query: Query) => {
    const order = await sweepingOrder(tables.schema, ids, query);
    await queue.plan(
      order.map((base) => ({ id: sweepId(base, slot), base, digest, slot })),
      query,
    );
  };
  const isOurs = await openSlot(tables, opened, plan, stop.signal);
  if (!isOurs) {
    checkDigest(await survey(tables, interval, stop.signal), digest);
    return null;
  }
  const [{ monitoring }] = bases;
  const target = isMonitored(monitoring) ? pingTargetOf(monitoring, sweepId("ping", slot)) : null;
  return target === null ? null : pingStart(target, monitorDeps(invocation, stop));
}

/** Sweeps bases until no sweep waits, or no new one may begin. */
async function work(pass: Pass, queue: Queue, digest: string): Promise<Part> {
  const { invocation, bases, fleet, stop } = pass;
  const byId = new Map(bases.map((each) => [each.store.baseId, each]));
  const connections = openSharedConnections(bases, fleet.budgetOf);
  const frame = openSweepFrame(invocation, bases[0], stop);
  const part = splitProgress(frame.progress);
  const ended: BaseOutcome[] = [];
  const running = new Set<Promise<void>>();
  const sweep = async (held: HeldSweep, since: Duration) => {
    const settings = byId.get(held.base);
    // A sweep of another configuration was waiting for a lost host.
    if (settings === undefined || held.digest !== digest) return await queue.cancel(held);
    const own = { limits: frame.limits, progress: part(), shared: connections.of(settings) };
    const outcome = await sweepHeld(pass, queue, { held, since }, settings, own);
    if (outcome !== null) ended.push(outcome);
  };
  let failure: unknown = null;
  try {
    while (failure === null && !frame.limits.start.aborted) {
      const free = fleet.settings.concurrency - running.size;
      const since = fleet.elapsed();
      const taken = await queue.take(free);
      for (const held of taken) {
        const task: Promise<void> = sweep(held, since)
          .catch((error: unknown) => {
            failure ??= error;
          })
          .finally(() => running.delete(task));
        running.add(task);
      }
      if (taken.length < free && running.size === 0) break;
      // Another host may give one back meanwhile; what is left when the last is done is asked for once more.
      if (running.size > 0) await Promise.race(running);
    }
  } catch (error) {
    failure ??= error;
  } finally {
    await Promise.all(running);
    frame.end();
    await connections.close();
  }
  if (failure === null || failure instanceof UpstreamError) return { ended, failure };
  throw failure;
}

/** Sweeps a base that this host holds; null where it was lost to another host, which sweeps it then. */
async function sweepHeld(
  pass: Pass,
  queue: Queue,
  { held, since }: { readonly held: HeldSweep; readonly since: Duration },
  settings: Settings,
  frame: Omit<SweepFrame, "held">,
): Promise<BaseOutcome | null> {
  const { invocation, format, stop, fleet } = pass;
  const { tables, host } = fleet;
  const { schema, heartbeat } = fleet.settings;
  const never = neverAborted();
  const { name, id } = baseOf(settings);
  const row = { base: id, name, slot: held.slot, job: held.id, attempt: held.attempt, host };
  const claim = keepClaim(
    queue,
    held,
    { schema, heartbeat, deadline: settings.deadline, since },
    systemClock,
    fleet.elapsed,
  );
  try {
    await recordBegin(tables, row, never);
    const outcome = await sweepOne(invocation, settings, format, stop, { ...frame, held: claim }, null);
    const terminal = invocation.terminal.forBase(name);
    try {
      if (await isLost(claim, queue, held)) {
        terminal.log("this host was silent for too long; another one sweeps the base now", "warn");
        return null;
      }
      await recordEnd(tables, row, endOf(outcome, settings, pass), never);
      await finish(queue, held, claim.loss() === null ? outcome : { ...outcome, code: EXIT.terminated });
      return outcome;
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      // What was written stays written; another host finds it so.
      terminal.log(
        `the fleet does not know that the sweep has ended, so another host repeats it: ${error.message}`,
        "warn",
      );
      return outcome.code === EXIT.success ? { ...outcome, code: EXIT.unavailable, fault: error.message } : outcome;
    }
  } finally {
    claim.stop();
  }
}

/** Asks the queue where this host gave up by itself: the base may be its own still. */
async function isLost(claim: Claim, queue: Queue, held: HeldSweep): Promise<boolean> {
  const loss = claim.loss();
  return loss === "taken-over" || (loss === "silent" && !(await queue.touch(held)));
}

/** A sweep that was cut short, or broke, is tried once more; one that Airtable or the storage failed is not. */
async function finish(queue: Queue, held: HeldSweep, { code }: BaseOutcome): Promise<void> {
  const again: readonly number[] = [EXIT.internalError, EXIT.interrupted, EXIT.terminated];
  if (again.includes(code)) await queue.giveBack(held, `exit code ${code}`);
  else await queue.complete(held);
}

/** What the fleet records of a sweep: as it is posted elsewhere, without secrets. */
function endOf({ outcome, code, fault }: BaseOutcome, settings: Settings, { invocation, stop }: Pass) {
  const known = outcome ?? crashOutcome(systemClock.now(), systemClock.now());
  const redact = (text: string) => invocation.terminal.redact(text).replaceAll("\0", "");
  return {
    run: outcome?.runId ?? null,
    exitCode: code,
    fault: fault === null ? null : redact(fault),
    summary: outcome?.report?.summary ?? null,
    // The list of all bases, a thousand times the same: whoever closes the slot has it too.
    result: JSON.stringify({ ...resultOf(known, settings, stop), allBases: [] }, (_, value: unknown) =>
      typeof value === "string" ? redact(value) : value,
    ),
  };
}
