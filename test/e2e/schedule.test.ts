import { readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { TARGETS } from "../../src/schedule/schedule.ts";
import { folder, stuckJobs } from "./cli.ts";

describe("schedule print", () => {
  it.each(TARGETS)("%s prints what lies in examples/, without a token", async (target) => {
    // A token that only the machine of the schedule can read is no matter here.
    const env = { AIRTABLE_API_KEY_FILE: "/nowhere/token" };
    const { code, stdout, stderr } = await stuckJobs(["schedule", "print", target], { env });
    expect([code, stderr]).toEqual([0, ""]);
    const printed = filesIn(stdout);
    const examples = readdirSync(join("examples", target));
    expect(Object.keys(printed).sort()).toEqual(examples.sort());
    for (const name of examples) {
      const example = readFileSync(join("examples", target, name), "utf8");
      expect(printed[name]).toBe(target === "crontab" ? example.replace("PATH=", `PATH=${nodeFolder()}`) : example);
    }
  });

  it("takes the interval from POLLING_INTERVAL_MINUTES, and rather from --every", async () => {
    const env = { POLLING_INTERVAL_MINUTES: "10" };
    expect((await stuckJobs(["schedule", "print", "crontab"], { env })).stdout).toContain("\n*/10 * * * * ");
    const { stdout } = await stuckJobs(["schedule", "print", "crontab", "--every", "1h"], { env });
    expect(stdout).toContain("\n0 * * * * ");
    expect(stdout).toContain("\nPOLLING_INTERVAL_MINUTES=60\n");
  });

  it.each([
    [["--every", "7m"], {}, "--every: found 7 minutes; expected 1m, 2m"],
    [["--every", "2"], {}, '"90s", "5m"'],
    [[], { POLLING_INTERVAL_MINUTES: "1.5" }, "POLLING_INTERVAL_MINUTES: found 1.5; expected 1m, 2m"],
    [[], { POLLING_INTERVAL_MINUTES: "often" }, 'POLLING_INTERVAL_MINUTES: found "often"'],
  ])("refuses %s with %s, which cron cannot keep", async (flags, env, words) => {
    const { code, stdout, stderr } = await stuckJobs(["schedule", "print", "systemd", ...flags], { env });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(words);
  });

  it("refuses a scheduler that it does not know, and names those it does", async () => {
    const { code, stderr } = await stuckJobs(["schedule", "print", "at"]);
    expect(code).toBe(2);
    for (const target of TARGETS) expect(stderr).toContain(target);
  });

  it("has the sweep read the named configuration file wherever it starts, and warns of one that is not there", async () => {
    const cwd = realpathSync(folder());
    const print = () => stuckJobs(["schedule", "print", "systemd", "--config", "mine.yaml"], { cwd });
    const missing = await print();
    expect([missing.code, missing.stderr]).toEqual([
      0,
      `stuck-jobs schedule: warning: ${join(cwd, "mine.yaml")} does not exist on this machine\n`,
    ]);
    writeFileSync(join(cwd, "mine.yaml"), "");
    const { stdout, stderr } = await print();
    expect(stderr).toBe("");
    expect(stdout).toContain(`\nExecStart=stuck-jobs recover --config ${join(cwd, "mine.yaml")}\n`);
  });

  it("has the sweep read the configuration file that a run from here would find", async () => {
    const cwd = realpathSync(folder());
    writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), "thresholds: { failAfter: 2h }\n");
    const { stdout } = await stuckJobs(["schedule", "print", "crontab"], { cwd });
    expect(stdout).toContain(` --config ${join(cwd, ".stuck-jobsrc.yaml")} `);
  });
});

describe("schedule print --out", () => {
  it("writes the files and names them, and again", async () => {
    const cwd = folder();
    for (const _ of ["first", "again"]) {
      const { code, stdout } = await stuckJobs(["schedule", "print", "systemd", "--out", "a/b"], { cwd });
      expect([code, stdout]).toEqual([0, "a/b/stuck-jobs.service\na/b/stuck-jobs.timer\n"]);
    }
    const timer = readFileSync(join(cwd, "a/b/stuck-jobs.timer"), "utf8");
    expect(timer).toBe(readFileSync("examples/systemd/stuck-jobs.timer", "utf8"));
  });

  it("overwrites no file that differs, and then writes none at all", async () => {
    const cwd = folder();
    writeFileSync(join(cwd, "stuck-jobs.timer"), "mine");
    const { code, stdout, stderr } = await stuckJobs(["schedule", "print", "systemd", "--out", "."], { cwd });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("stuck-jobs.timer exists and differs");
    expect(readdirSync(cwd)).toEqual(["stuck-jobs.timer"]);
    expect(readFileSync(join(cwd, "stuck-jobs.timer"), "utf8")).toBe("mine");
  });

  it("overwrites it with --force", async () => {
    const cwd = folder();
    writeFileSync(join(cwd, "stuck-jobs.timer"), "mine");
    const { code } = await stuckJobs(["schedule", "print", "systemd", "--out", ".", "--force"], { cwd });
    expect(code).toBe(0);
    expect(readFileSync(join(cwd, "stuck-jobs.timer"), "utf8")).toContain("OnCalendar=");
  });
});

/** The files that were printed, by the name in the line above each. */
function filesIn(text: string): Readonly<Record<string, string>> {
  const parts = text.split(/^# ==> (.+) <==\n/m).slice(1);
  const files: Record<string, string> = {};
  for (let n = 0; n < parts.length; n += 2) {
    const content = parts[n + 1] ?? "";
    // Files are set apart by an empty line.
    files[parts[n] ?? ""] = n + 2 < parts.length ? content.slice(0, -1) : content;
  }
  return files;
}

/** What the crontab's PATH begins with on this machine: the folder of Node, unless cron searches it anyway. */
function nodeFolder(): string {
  const path = dirname(process.execPath);
  return ["/usr/local/bin", "/usr/bin", "/bin"].includes(path) ? "" : `${path}:`;
}
