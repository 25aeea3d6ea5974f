import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder, run } from "../e2e/cli.ts";
import { MINUTE, rendered } from "./schedules.ts";
import { standIn } from "./stand-in.ts";

describe("the crontab", () => {
  it("starts at the interval, passes it on to the run, and mails somebody", () => {
    const { fields, settings } = parse(rendered("crontab", "stuck-jobs.crontab", { every: 10 * MINUTE }));
    expect(fields).toBe("*/10 * * * *");
    expect(settings).toEqual({
      MAILTO: "root",
      SHELL: "/bin/sh",
      PATH: "/usr/local/bin:/usr/bin:/bin",
      POLLING_INTERVAL_MINUTES: "10",
    });
  });

  it("searches where this program and its Node lie, once", () => {
    const folders = ["/home/me/.nvm/bin", "/usr/bin"];
    const { settings } = parse(rendered("crontab", "stuck-jobs.crontab", { folders }));
    expect(settings.PATH).toBe("/home/me/.nvm/bin:/usr/local/bin:/usr/bin:/bin");
  });

  it.each([
    ["is silent when there was nothing to do", "exit 0", 0, "", ""],
    ["logs what was done", "printf '%s\\n' '2 recovered: \\n 100%'", 0, "", "-t stuck-jobs: 2 recovered: \\n 100%\n"],
    ["mails what went wrong", "echo refused >&2; exit 4", 4, "refused\n", ""],
    [
      "mails a sweep of which something is left",
      "echo '1 recovered, 1 error'; exit 3",
      3,
      "1 recovered, 1 error\n",
      "",
    ],
    ["is silent when another run is under way", "echo 'another run' >&2; exit 75", 75, "", ""],
    ["does not hide a run that ended without a word", "kill -9 $$", 137, "stuck-jobs ended with 137\n", ""],
  ])("%s", async (_, script, code, mail, log) => {
    const home = homeWith(script);
    const ran = await asCron(rendered("crontab", "stuck-jobs.crontab"), home);
    expect([ran.code, ran.stdout + ran.stderr, readFileSync(join(home, "log"), "utf8")]).toEqual([code, mail, log]);
  });

  it("needs no log to be there", async () => {
    const home = homeWith("echo 1 recovered");
    standIn(home, "logger", "echo 'logger: socket /dev/log: No such file or directory' >&2; exit 1");
    const ran = await asCron(rendered("crontab", "stuck-jobs.crontab"), home);
    expect([ran.code, ran.stdout + ran.stderr]).toEqual([0, ""]);
  });

  it("gives the run the environment file, and the configuration file however it is called", async () => {
    const home = homeWith(`echo "$AIRTABLE_BASE_ID"; printf '<%s>' "$@"; exit 1`);
    const config = join(home, "100% my 'own' $HOME \"config\".yaml");
    const ran = await asCron(rendered("crontab", "stuck-jobs.crontab", { config }), home);
    expect(ran.stdout).toBe(`app with blanks\n<recover><--config><${config}>\n`);
  });

  it("says so when the environment file is missing", async () => {
    const home = folder();
    const ran = await asCron(rendered("crontab", "stuck-jobs.crontab"), home);
    expect(ran.code).not.toBe(0);
    expect(ran.stderr).toContain(".stuck-jobs.env");
  });

  it("starts no second run while one holds the lock", async () => {
    const home = homeWith("echo ran");
    const text = rendered("crontab", "stuck-jobs.crontab");
    const lock = join(home, ".stuck-jobs.lock");
    const inner = parse(text).command;
    const env = { HOME: home, PATH: searched(home) };
    const ran = await run("flock", [lock, "/bin/sh", "-c", inner], { env });
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([75, "", ""]);
  });
});

/** A home with an environment file, a fake program `stuck-jobs`, and a log. */
function homeWith(script: string): string {
  const home = folder();
  standIn(home, "stuck-jobs", script);
  standIn(home, "logger", `{ printf '%s: ' "$*"; cat; } >>"$HOME/log"`);
  writeFileSync(join(home, "log"), "");
  writeFileSync(join(home, ".stuck-jobs.env"), 'AIRTABLE_API_KEY=pat0.0\nAIRTABLE_BASE_ID="app with blanks"\n');
  return home;
}

/** Runs the one command of a crontab as cron does. */
function asCron(text: string, home: string) {
  const { command, settings } = parse(text);
  return run(settings.SHELL ?? "", ["-c", command], { env: { ...settings, HOME: home, PATH: searched(home) } });
}

function searched(home: string): string {
  return `${join(home, "bin")}:/usr/bin:/bin`;
}

/** Reads a crontab as crontab(5) says: settings, and one line of five fields and a command, in which \% is %. */
function parse(text: string) {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const settings: Record<string, string> = {};
  const commands: string[] = [];
  for (const line of lines) {
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) settings[name] = value;
    else commands.push(line);
  }
  expect(commands).toHaveLength(1);
  const [, fields = "", escaped = ""] = /^((?:\S+ ){4}\S+) (.*)$/.exec(commands[0] ?? "") ?? [];
  expect(escaped).not.toMatch(/(^|[^\\])%/);
  return { settings, fields, command: escaped.replaceAll("\\%", "%") };
}
