import type { BaseStatus, FleetStatus } from "../../fleet/status.ts";
import { displayWidth } from "./text.ts";

/** A base of the configuration. */
export interface NamedBase {
  readonly id: string;
  readonly name: string;
}

/** What a host would plan now. */
export interface FleetPlan {
  readonly slot: string;
  readonly digest: string;
  readonly plannedBy: { readonly host: string; readonly digest: string } | null;
  readonly bases: readonly (NamedBase & { readonly sweep: string })[];
}

/** Renders the plan as `stuck-jobs/fleet-plan@1`. */
export function renderPlanJson(plan: FleetPlan): string {
  return `${JSON.stringify({ schema: "stuck-jobs/fleet-plan@1", ...plan }, null, 2)}\n`;
}

/** Renders the plan for people. */
export function renderPlanTable({ slot, digest, plannedBy, bases }: FleetPlan): string {
  const who =
    plannedBy === null ? "not planned yet" : `planned by ${plannedBy.host}, configuration ${plannedBy.digest}`;
  const rows = [["base", "id", "sweep"], ...bases.map(({ name, id, sweep }) => [name, id, sweep])];
  return `slot ${slot}: ${who}\nthis host's configuration: ${digest}\n\n${columns(rows)}`;
}

/** Renders the state of the fleet as `stuck-jobs/fleet-status@1`. */
export function renderStatusJson(status: FleetStatus, bases: readonly NamedBase[], digest: string): string {
  const shown = { ...status, bases: withNames(status, bases) };
  return `${JSON.stringify({ schema: "stuck-jobs/fleet-status@1", digest, ...shown }, null, 2)}\n`;
}

/** Renders the state of the fleet for people. */
export function renderStatusTable(status: FleetStatus, bases: readonly NamedBase[], digest: string): string {
  const { slots, deadLetters, budgets } = status;
  const rows = withNames(status, bases).map(({ name, id, ...base }) => [
    name,
    id,
    base.lastSweep ?? "never",
    base.lastExitCode === null ? "" : String(base.lastExitCode),
    base.lastHost ?? "",
    stateOf(base),
  ]);
  const sections = [
    `this host's configuration: ${digest}\n`,
    columns([
      ["slot", "configuration", "planned by", "bases", "closed by"],
      ...slots.map(({ start, digest: by, host, bases: count, closedBy }) => [
        start,
        by,
        host,
        String(count),
        closedBy ?? "open",
      ]),
    ]),
    columns([["base", "id", "last sweep", "exit", "host", "now"], ...rows]),
    ...(budgets.length === 0
      ? []
      : [
          columns([
            ["account", "next request", "rate", "last refused"],
            ...budgets.map(({ account, wait, overQuota, refusedAt }) => [
              account,
              wait === 0 ? "at once" : `in ${wait.toFixed(1)} s`,
              overQuota ? "2/s: the monthly quota is spent" : "40/s",
              refusedAt ?? "never",
            ]),
          ]),
        ]),
    deadLetters.length === 0
      ? "no dead letters\n"
      : columns([
          ["dead letter", "slot", "at", "why"],
          ...deadLetters.map(({ base, slot, at, why }) => [base, slot ?? "", at, why]),
        ]),
  ];
  return sections.join("\n");
}

/** Every base of the configuration, and what the fleet knows of it beside. */
function withNames(
  { bases: known }: FleetStatus,
  bases: readonly NamedBase[],
): readonly (NamedBase & Omit<BaseStatus, "base">)[] {
  const byId = new Map(known.map((each) => [each.base, each]));
  const never = { lastSweep: null, lastHost: null, lastExitCode: null, fault: null, heldBy: null, isWaiting: false };
  return bases.map(({ id, name }) => {
    const { base: _, ...status } = byId.get(id) ?? { base: id, ...never };
    return { id, name, ...status };
  });
}

function stateOf({ heldBy, isWaiting, fault }: Omit<BaseStatus, "base">): string {
  if (heldBy !== null) {
    return `swept by ${heldBy.host} since ${heldBy.since}, heartbeat ${heldBy.heartbeatAge.toFixed(0)} s ago`;
  }
  if (isWaiting) return "waiting for a host";
  return fault ?? "";
}

/** Text in columns, whole, however wide. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, n) => Math.max(...rows.map((row) => displayWidth(row[n] ?? ""))));
  return rows
    .map((row) => {
      const cells = row.map((cell, n) => `${cell}${" ".repeat(Math.max(0, (widths[n] ?? 0) - displayWidth(cell)))}`);
      return `${cells.join("  ").trimEnd()}\n`;
    })
    .join("");
}
