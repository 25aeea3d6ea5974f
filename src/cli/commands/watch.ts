import { type Command, Option } from "commander";
import { addMonitoringOptions, addRecoverOptions, addSharedOptions, duration } from "../options.ts";
import type { WatchFlags } from "../run-watch.ts";
import { type CommandContext, configureLog } from "./sweep.ts";

/** `stuck-jobs watch`: the sweep of `recover` again and again, for platforms without a cron. */
export function addWatch(program: Command, { env, terminal, exit }: CommandContext): void {
  const command = program
    .command("watch")
    .summary("recover again and again in one process, where there is no cron")
    .description(
      "The sweep of `recover` again and again in one process, for platforms without a cron. Sweeps do not overlap; each takes the lock, and reads configuration and secrets anew. When the base or the storage is in trouble, the interval is doubled from run to run, up to ten times its length. SIGTERM and SIGINT end it after the write in flight.",
    )
    .addOption(
      new Option("--every <dur>", "the interval (default: POLLING_INTERVAL_MINUTES, or 2m)").argParser(duration),
    )
    .addOption(new Option("--jitter <dur>", "delay each sweep by a random time up to this").argParser(duration));
  addMonitoringOptions(addRecoverOptions(addSharedOptions(command)))
    .option("--force", "let the safety brake pass")
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs watch --every 2m
  stuck-jobs watch --every 2m --jitter 15s --log-format json
  stuck-jobs watch --sandbox --every 10s     try it without a base`,
    )
    .action(async (flags: WatchFlags) => {
      configureLog("watch", flags, terminal);
      const { runWatch } = await import("../run-watch.ts");
      exit(await runWatch(flags, { env, terminal }));
    });
}
