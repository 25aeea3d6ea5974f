import * as z from "zod";
import type { Settings } from "../../../config/settings.ts";
import { isObject } from "../../../core/domain/json.ts";
import { pluralize } from "../../../core/domain/plural.ts";
import { sweepId } from "../../../fleet/slot-id.ts";
import { type ClosedSlot, closeSlots, type FleetTables, readState, writeState } from "../../../fleet/tables.ts";
import type { BaseResult } from "../../../monitoring/notify-runs.ts";
import { reportSlot } from "../../../monitoring/notify-slot.ts";
import { pingTargetOf } from "../../../monitoring/ping.ts";
import type { RunResult, StateStore } from "../../../monitoring/run-result.ts";
import { systemClock } from "../../../system/clock.ts";
import { neverAborted } from "../../../system/never.ts";
import type { Invocation } from "../../context.ts";
import { EXIT, type ExitCode } from "../../exit-codes.ts";
import { type BaseOutcome, totalOf } from "../../outcome.ts";
import { summaryLine } from "../../render/line.ts";
import { totalLine } from "../../render/total.ts";
import { VERSION } from "../../version.ts";
import { monitorDeps } from "../monitoring.ts";
import { baseOf } from "../run-bases.ts";
import type { Shutdown } from "../signals.ts";
import type { OpenFleet } from "./open-fleet.ts";

/** A result as this version has written it; one of another version is not read. */
const runResult = z.custom<RunResult>((value) => isObject(value) && value.version === VERSION);

/** Closes the slots whose sweeps are all done, and reports each: one ping, and the metrics and messages of all bases. */
export async function closeAndReport(
  { tables, host }: Pick<OpenFleet, "tables" | "host">,
  bases: readonly [Settings, ...Settings[]],
  invocation: Invocation,
  stop: Shutdown,
): Promise<void> {
  const never = neverAborted();
  for (const slot of await closeSlots(tables, host, never)) await reportOne(slot, tables, bases, invocation, stop);
}

async function reportOne(
  { start, bases: planned, results }: ClosedSlot,
  tables: FleetTables,
  bases: readonly [Settings, ...Settings[]],
  invocation: Invocation,
  stop: Shutdown,
): Promise<void> {
  const { command } = invocation;
  const byId = new Map(bases.map((each) => [each.store.baseId, each]));
  const known = results.flatMap(({ base, fault, result }) => {
    const settings = byId.get(base);
    const parsed = runResult.safeParse(result === null ? null : JSON.parse(result));
    if (settings === undefined || !parsed.success) return [];
    return [{ settings, fault, result: { ...parsed.data, allBases: settings.base?.all ?? [] } }];
  });
  const ended = known.map(({ settings, fault, result }): BaseOutcome => {
    const { runId, startedAt, finishedAt, requests, report } = result;
    const code = exitCodeIn(result.exitCode);
    const outcome = { runId, startedAt, finishedAt, requests, report, fault: null, code };
    return { base: baseOf(settings), settings, typical: new Map(), outcome, code, fault };
  });
  const finishedAt = systemClock.now();
  const total = totalOf(ended, { command, dryRun: false, startedAt: Date.parse(start), finishedAt });
  const missing = planned - ended.length;
  const rest = missing > 0 ? `, ${pluralize(missing, "base")} not swept in this slot` : "";
  const reported = known.map(({ settings, fault, result }): BaseResult => {
    const { name } = baseOf(settings);
    const { report } = result;
    const summary = report === null ? `stuck-jobs ${command}: ${name}: ${fault}` : `${name}: ${summaryLine(report)}`;
    const isReported = fault !== null || (report?.entries.length ?? 0) > 0;
    return { monitoring: settings.monitoring, result, summary, isReported };
  });
  const code = ended.length === 0 && planned > 0 ? EXIT.unavailable : total.code;
  const [{ monitoring }] = bases;
  await reportSlot(
    pingTargetOf(monitoring, sweepId("ping", start)),
    {
      results: reported,
      total: `${totalLine(total)}${rest}, exit code ${code}`,
      exitCode: code,
      durationMs: finishedAt - Date.parse(start),
    },
    stateAt(tables, METRICS_KEY),
    { ...monitorDeps(invocation, stop), alertsOf: (baseId) => stateAt(tables, `alerts ${baseId}`) },
  );
}

/** Where the fleet counts its metrics. */
export const METRICS_KEY = "metrics";

/** Keeps a text in the database, as JSON. */
export function stateAt(tables: FleetTables, key: string): StateStore {
  const never = neverAborted();
  return {
    async read() {
      const value: unknown = JSON.parse((await readState(tables, key, never)) ?? '""');
      return typeof value === "string" ? value : "";
    },
    write: (text) => writeState(tables, key, JSON.stringify(text), never),
  };
}

function exitCodeIn(code: number): ExitCode {
  return Object.values(EXIT).find((each) => each === code) ?? EXIT.internalError;
}
