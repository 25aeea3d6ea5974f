import { type Command, Option } from "commander";
import { readEnvironment } from "../../config/env/environment.ts";
import { readConfigFile } from "../../config/file/read-config-file.ts";
import { ConfigError } from "../../config/problems.ts";
import { UpstreamError } from "../../core/ports/errors.ts";
import { neverAborted } from "../../system/never.ts";
import { type CommandContext, configureLog } from "../context.ts";
import { EXIT, type ExitCode, exitCodeOfFailure } from "../exit-codes.ts";
import type { OpenFleet } from "../run/fleet/open-fleet.ts";
import { type MigrateFlags, runMigrate } from "../run/migrate.ts";
import { baseOf } from "../run/run-bases.ts";
import { type Configured, resolveConfigured } from "../settings/select-bases.ts";
import { linesOf } from "../terminal/log.ts";

interface FleetFlags {
  readonly config?: string;
  readonly output?: "table" | "json";
}

/** Adds `stuck-jobs fleet`: several hosts that share the sweeps. */
export function addFleet(program: Command, context: CommandContext): void {
  const fleet = program
    .command("fleet")
    .description("Shows what the hosts of a fleet share by their queue in PostgreSQL (docs/fleet.md).")
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs fleet status                    bases, who holds what, dead letters, budgets
  stuck-jobs fleet plan                      what the next sweep would put into the queue
  stuck-jobs fleet metrics > stuck_jobs.prom`,
    );
  const add = (
    name: string,
    summary: string,
    description: string,
    run: (found: Opened, flags: FleetFlags) => Promise<string>,
  ) => {
    const command = fleet.command(name).summary(summary).description(description);
    command.option("--config <file>", "read this configuration file");
    return command.action(async (flags: FleetFlags) => {
      configureLog("fleet", {}, context.terminal);
      context.exit(await withFleet(flags, context, (found) => run(found, flags)));
    });
  };
  const format = () => new Option("-o, --output <format>", "table (text) or json").choices(["table", "json"]);
  add(
    "plan",
    "show what would be put into the queue for the current slot",
    "Prints the current slot by the database's clock, who planned it, and the sweep of each base. Writes nothing.",
    async (found, flags) => {
      const { renderPlanJson, renderPlanTable } = await import("../render/fleet.ts");
      const plan = await readPlan(found);
      return flags.output === "json" ? renderPlanJson(plan) : renderPlanTable(plan);
    },
  ).addOption(format());
  add(
    "status",
    "show bases, last sweeps, who holds what, dead letters and budgets",
    "Prints the state of the fleet as its database has it: slots, bases with their last sweep and the host that sweeps them now, dead letters, and the budget of each account.",
    async (found, flags) => {
      const [{ renderStatusJson, renderStatusTable }, { readFleetStatus }] = await Promise.all([
        import("../render/fleet.ts"),
        import("../../fleet/status.ts"),
      ]);
      // Says first what is wrong with the schema.
      const { digest } = await readPlan(found);
      const { database, schema } = found.fleet.tables;
      const bases = found.bases.map(baseOf);
      const ids = bases.map(({ id }) => id);
      const status = await readFleetStatus(database, schema, ids, NEVER);
      return flags.output === "json"
        ? renderStatusJson(status, bases, digest)
        : renderStatusTable(status, bases, digest);
    },
  ).addOption(format());
  add(
    "metrics",
    "print the metrics of all hosts, for Prometheus",
    "Prints the metrics that the fleet has counted, in the text format of Prometheus: those of docs/monitoring.md, from whatever host swept a base.",
    async ({ fleet: { tables } }) => {
      const { METRICS_KEY, stateAt } = await import("../run/fleet/close-slots.ts");
      return await stateAt(tables, METRICS_KEY).read();
    },
  );
  fleet
    .command("migrate")
    .summary("another name for db migrate")
    .description("Creates the tables of the fleet, or brings them up to this version: another name for db migrate.")
    .option("-n, --dry-run", "print the SQL that would be run; change nothing")
    .option("--config <file>", "read this configuration file")
    .action(async (flags: MigrateFlags) => {
      configureLog("fleet", {}, context.terminal);
      context.exit(await runMigrate(flags, context));
    });
}

const NEVER = neverAborted();

interface Opened {
  readonly bases: Configured["bases"];
  readonly fleet: OpenFleet;
}

/** Opens the configured fleet, and prints what is read of it. */
async function withFleet(
  { config }: FleetFlags,
  { env, terminal }: CommandContext,
  read: (found: Opened) => Promise<string>,
): Promise<ExitCode> {
  const file = await readConfigFile(config ?? null, process.cwd());
  const { bases } = resolveConfigured(file, readEnvironment(env), null, {});
  for (const { secrets } of bases) for (const secret of secrets) terminal.addSecret(secret);
  const [{ fleet: settings, deadline }] = bases;
  if (settings === null) {
    throw new ConfigError([{ path: "fleet", message: "missing; expected fleet: {} and STUCK_JOBS_DATABASE_URL" }]);
  }
  const { openFleet } = await import("../run/fleet/open-fleet.ts");
  const fleet = openFleet(settings, deadline);
  try {
    terminal.out(await read({ bases, fleet }));
    return EXIT.success;
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    terminal.log(linesOf(error), "error");
    return exitCodeOfFailure(error);
  } finally {
    await fleet.close();
  }
}

async function readPlan({ bases, fleet: { tables, settings } }: Opened) {
  const [{ digestOf }, { sweepId }, { survey }] = await Promise.all([
    import("../../fleet/digest.ts"),
    import("../../fleet/slot-id.ts"),
    import("../../fleet/tables.ts"),
  ]);
  const { slot, planned } = await survey(tables, settings.interval, NEVER);
  return {
    slot,
    digest: digestOf(bases, settings.interval),
    plannedBy: planned === null ? null : { host: planned.host, digest: planned.digest },
    bases: bases
      .map((base) => ({ ...baseOf(base), sweep: sweepId(base.store.baseId, slot) }))
      .map(({ id, name, sweep }) => ({ id, name, sweep })),
  };
}
