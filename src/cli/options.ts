import { type Command, InvalidArgumentError, Option } from "commander";
import { DURATION_FORM, parseDuration } from "../config/duration.ts";
import type { Duration } from "../core/domain/job.ts";
import type { Via } from "../core/domain/operation.ts";
import { LOG_FORMATS, type LogFormat } from "./terminal/log.ts";

export const OUTPUTS = ["table", "json", "ndjson"] as const;
export type OutputFormat = (typeof OUTPUTS)[number];

/** The keys of a job in the report, from which --json selects. */
export const JOB_KEYS = [
  "id",
  "externalId",
  "type",
  "operation",
  "status",
  "ageSeconds",
  "verdict",
  "reason",
  "detail",
  "applied",
  "output",
  "target",
  "evidence",
  "error",
] as const;
export type JobKey = (typeof JOB_KEYS)[number];

/** The sandboxes of `--sandbox`; without a name it is the first. */
export const SANDBOX_NAMES = ["nca", "renders", "postgres"] as const;
export type SandboxName = (typeof SANDBOX_NAMES)[number];

/** The flags as commander returns them; flags a command does not have are absent. */
export interface Flags {
  readonly olderThan?: Duration;
  readonly failAfter?: Duration;
  readonly maxAge?: Duration | "none";
  readonly job?: readonly string[];
  readonly operation?: readonly string[];
  readonly limit?: number;
  readonly concurrency?: number;
  readonly output?: OutputFormat;
  readonly json?: readonly JobKey[];
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly logFormat?: LogFormat;
  readonly color: boolean;
  readonly config?: string;
  readonly base?: readonly string[];
  readonly sandbox?: SandboxName;
  readonly deadline?: Duration;
  readonly dryRun?: boolean;
  /** False with `--no-fail`. */
  readonly fail?: boolean;
  readonly force?: boolean;
  readonly confirm?: boolean;
  readonly yes?: boolean;
  readonly via?: Via;
  readonly journal?: string;
  readonly exitCode?: boolean;
  readonly metricsFile?: string;
  readonly pingUrl?: string;
  readonly notifyUrl?: string;
}

/** Adds the flags shared by scan, recover and fail-old. */
export function addSharedOptions(command: Command): Command {
  return command
    .addOption(new Option("--older-than <dur>", "a job is stuck when older than this (default 5m)").argParser(duration))
    .addOption(
      new Option("--fail-after <dur>", "fail jobs without output from this age on (default 1h)").argParser(duration),
    )
    .addOption(
      new Option("--max-age <dur|none>", "skip older jobs; fail-old handles them (default 24h)").argParser(
        durationOrNone,
      ),
    )
    .addOption(new Option("--job <id...>", "only these jobs: record ids or external ids").argParser(jobIds))
    .addOption(new Option("--operation <name...>", "only jobs of these operations"))
    .addOption(new Option("--limit <n>", "only the n oldest jobs").argParser(wholeNumber(1)))
    .addOption(new Option("--concurrency <n>", "concurrent probes (default 16)").argParser(wholeNumber(1, 256)))
    .addOption(new Option("--deadline <dur>", "time limit for the run (default 90s)").argParser(duration))
    .addOption(new Option("-o, --output <format>", "table, json or ndjson").choices([...OUTPUTS]))
    .option("--all", "show every job in the table")
    .option("-q, --quiet", "print errors only")
    .addOption(new Option("-v, --verbose", "log each decision on stderr").conflicts("quiet"))
    .addOption(new Option("--log-format <format>", "format of stderr: text or json").choices([...LOG_FORMATS]))
    .option("--no-color", "no colours")
    .option("--config <file>", "read this configuration file")
    .addOption(new Option("--base <name...>", "only these configured bases (name or id)"))
    .addOption(sandboxOption("run against the embedded sandbox instead of a base").conflicts("base"));
}

/** Creates --sandbox, with the name of one of the sandboxes or none. */
export function sandboxOption(description: string): Option {
  return new Option("--sandbox [name]", description).choices([...SANDBOX_NAMES]);
}

/** Adds the first sandbox's name where `--sandbox` has none: commander would take the word after it for the name. */
export function nameSandbox(words: readonly string[]): readonly string[] {
  const isNamed = (next: string | undefined) => SANDBOX_NAMES.some((name) => name === next);
  return words.map((word, n) =>
    word === "--sandbox" && !isNamed(words[n + 1]) ? `--sandbox=${SANDBOX_NAMES[0]}` : word,
  );
}

/** Adds the selection of keys, for the commands that print one report. */
export function addJsonOption(command: Command): Command {
  return command.addOption(
    new Option("--json <fields>", "print these keys of each job as a JSON array, e.g. id,verdict,reason")
      .argParser(jobKeys)
      .conflicts("output"),
  );
}

/** Creates --base for a command that works on one base. */
export function baseOption(): Option {
  return new Option("--base <name>", "one of the configured bases (name or id)")
    .argParser((text) => [text])
    .conflicts("sandbox");
}

/** Adds the flags of the commands that write. */
export function addWriteOptions(command: Command): Command {
  return command
    .option("-n, --dry-run", "show what would be done, write nothing")
    .option("--force", "override the safety brake")
    .option("--journal <path|none>", "record all writes in this file (default: in the state folder)")
    .addOption(new Option("--confirm", "ask before each job, on a terminal").conflicts("dryRun"));
}

/** Adds the flags of a full sweep, which completes as well as fails jobs. */
export function addRecoverOptions(command: Command): Command {
  return command
    .option("--no-fail", "complete jobs, fail none")
    .addOption(
      new Option(
        "--via <way>",
        "who completes the jobs: this tool (direct), or the application's handler, to which the webhook is sent again",
      ).choices(["direct", "webhook"]),
    );
}

/** Adds the monitoring flags (docs/monitoring.md). A dry run is not reported. */
export function addMonitoringOptions(command: Command): Command {
  return command
    .addOption(new Option("--metrics-file <path>", "write metrics to this Prometheus textfile").conflicts("dryRun"))
    .addOption(new Option("--ping-url <url>", "ping this URL when a run starts and ends").conflicts("dryRun"))
    .addOption(
      new Option("--notify-url <url>", "post changes to this Slack, Discord, Teams or other webhook").conflicts(
        "dryRun",
      ),
    );
}

/** Parses a repeatable --job value. */
export function jobIds(text: string, before: readonly string[] | undefined): readonly string[] {
  if (text.trim() === "") throw new InvalidArgumentError("Expected a record id or an external id.");
  return [...(before ?? []), text];
}

/** Parses the value of --json. */
export function jobKeys(text: string): readonly JobKey[] {
  return text.split(",").map((part) => {
    const key = JOB_KEYS.find((each) => each === part.trim());
    if (key === undefined) throw new InvalidArgumentError(`Expected some of ${JOB_KEYS.join(",")}.`);
    return key;
  });
}

/** Parses the value of a duration flag. */
export function duration(text: string): Duration {
  const parsed = parseDuration(text);
  if (parsed === null || parsed === 0) throw new InvalidArgumentError(`Expected ${DURATION_FORM}.`);
  return parsed;
}

/** Parses the value of a duration flag that may be "none". */
export function durationOrNone(text: string): Duration | "none" {
  if (text === "none") return text;
  const parsed = parseDuration(text);
  if (parsed === null || parsed === 0) throw new InvalidArgumentError(`Expected "none" or ${DURATION_FORM}.`);
  return parsed;
}

/** Returns a parser for a whole number within a range. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= least && number <= most) return number;
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`Expected a whole number ${range}.`);
  };
}
