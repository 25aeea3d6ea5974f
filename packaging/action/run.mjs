import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// The step of action.yml: installs the program, runs it once, and turns its report into outputs and the job's summary.
const {
  STUCK_JOBS_ACTION_COMMAND: command,
  STUCK_JOBS_ACTION_ARGS: args = "",
  STUCK_JOBS_ACTION_CONFIG: config = "",
  STUCK_JOBS_ACTION_VERSION: version = "",
  RUNNER_TEMP = tmpdir(),
  GITHUB_OUTPUT,
  GITHUB_STEP_SUMMARY,
} = process.env;

/** GitHub takes 1 MiB of a summary. */
const MOST_JOBS = 200;

const COMMANDS = ["scan", "recover", "fail-old"];
if (!COMMANDS.includes(command)) {
  console.error(`::error::command: "${command}"; expected ${COMMANDS.join(", ")}`);
  process.exit(2);
}

const folder = mkdtempSync(join(RUNNER_TEMP, "stuck-jobs-"));
const own = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
const wanted = version === "" ? own.version : version;
const spec = /^\d/.test(wanted) || wanted === "latest" ? `stuck-jobs@${wanted}` : wanted;
const npm = ["install", "--global", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error", spec];
const installed = spawnSync("npm", npm, { stdio: ["ignore", "ignore", "inherit"] });
if (installed.status !== 0) {
  console.error(`::error::${spec} could not be installed`);
  process.exit(1);
}

const flags = args.includes("\n") ? args.split("\n").map((line) => line.trim()) : args.split(/\s+/);
const words = [command, "--output", "json", ...flags.filter((flag) => flag !== "")];
if (config !== "") words.push("--config", config);
const ran = spawnSync(join(folder, "bin/stuck-jobs"), words, {
  encoding: "utf8",
  maxBuffer: 1e9,
  stdio: ["ignore", "pipe", "inherit"],
});
const exitCode = ran.status ?? 1;
const report = reportIn(ran.stdout);
const reports = report === null ? [] : (report.reports ?? [report]);

const COUNTS = ["stuck", "recovered", "failed", "waiting", "skipped", "unknown", "errors"];
const count = (name) => reports.reduce((sum, { summary }) => sum + summary[name], 0);
const outputs = { "exit-code": exitCode, report: "", "run-id": reports.map(({ runId }) => runId).join(" ") };
if (report !== null) {
  outputs.report = join(folder, "report.json");
  writeFileSync(outputs.report, ran.stdout);
  for (const name of COUNTS) outputs[name] = count(name);
}
if (GITHUB_OUTPUT !== undefined) {
  const lines = Object.entries(outputs).map(([name, value]) => `${name}=${value}\n`);
  appendFileSync(GITHUB_OUTPUT, lines.join(""));
}
if (GITHUB_STEP_SUMMARY !== undefined) appendFileSync(GITHUB_STEP_SUMMARY, summary());

const GOOD = [0, 10, 75];
if (!GOOD.includes(exitCode)) console.error(`::error::stuck-jobs ${command} ended with exit code ${exitCode}`);
process.exitCode = GOOD.includes(exitCode) ? 0 : exitCode;

/** Returns the report on stdout, or null: a run that could not begin prints none. */
function reportIn(stdout) {
  try {
    return JSON.parse(stdout);
  } catch {
    return null;
  }
}

/** Returns the summary of the job, in Markdown. */
function summary() {
  const title = `### stuck-jobs ${command}${reports.some(({ dryRun }) => dryRun) ? " (nothing was written)" : ""}\n\n`;
  if (report === null) return `${title}Exit code ${exitCode}, and no report: see the log of the step.\n\n`;
  const totals = COUNTS.map((name) => count(name));
  const head = `| ${COUNTS.join(" | ")} |\n|${" ---: |".repeat(COUNTS.length)}\n| ${totals.join(" | ")} |\n\n`;
  const jobs = reports.flatMap((each) => each.jobs);
  const shown = jobs.slice(0, MOST_JOBS).map(rowOf).join("");
  const rest = jobs.length > MOST_JOBS ? `\n${jobs.length - MOST_JOBS} more are in the report.\n` : "";
  const table =
    jobs.length === 0 ? "" : `| job | operation | age | verdict | reason |\n|---|---|---|---|---|\n${shown}${rest}\n`;
  return `${title}${head}${table}`;
}

function rowOf({ id, operation, ageSeconds, verdict, reason, error }) {
  const words = [id, operation ?? "", ageOf(ageSeconds), verdict, error === null ? reason : `${reason}: ${error}`];
  return `| ${words.map(escaped).join(" | ")} |\n`;
}

function ageOf(seconds) {
  if (seconds === null) return "";
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}m` : `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

/** Names come from the base: no Markdown, no HTML. */
function escaped(text) {
  return String(text)
    .replace(/[\r\n]+/g, " ")
    .replace(/[&<>|`*_[\]\\~]/g, (character) => `&#${character.codePointAt(0)};`);
}
