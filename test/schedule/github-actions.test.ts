import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { folder, run } from "../e2e/cli.ts";
import { MINUTE, rendered } from "./schedules.ts";
import { standIn } from "./stand-in.ts";

const REPORT = (errors: number, dryRun: boolean) => JSON.stringify({ dryRun, summary: { stuck: 1, errors } });

describe("the smoke job", () => {
  it.each([
    [1, "*/5 * * * *"],
    [2, "*/5 * * * *"],
    [10, "*/10 * * * *"],
    [60, "0 * * * *"],
  ])("asked for every %s minutes, starts at %s: GitHub's least is 5", (minutes, cron) => {
    const workflow = parse(rendered("github-actions", "stuck-jobs-smoke.yml", { every: minutes * MINUTE }));
    expect(workflow.on.schedule).toEqual([{ cron }]);
  });

  it("may only read the repository, and takes a token of its own from the secrets", () => {
    const workflow = parse(rendered("github-actions", "stuck-jobs-smoke.yml"));
    expect(workflow.permissions).toEqual({ contents: "read" });
    expect(workflow.concurrency).toEqual({ group: "stuck-jobs-smoke", "cancel-in-progress": false });
    const { smoke } = workflow.jobs;
    expect(smoke["timeout-minutes"]).toBe(5);
    expect(smoke.env).toEqual({
      AIRTABLE_API_KEY: `\${{ secrets.STAGING_AIRTABLE_API_KEY }}`,
      AIRTABLE_BASE_ID: `\${{ vars.STAGING_AIRTABLE_BASE_ID }}`,
    });
  });

  it("never writes: each call of the program scans, or is a dry run", () => {
    const calls = steps().flatMap(({ run }) =>
      [...(run ?? "").matchAll(/stuck-jobs\.js (.*)/g)].map(([, args]) => args),
    );
    expect(calls).toHaveLength(2);
    for (const args of calls) expect(args).toMatch(/^scan |--dry-run/);
  });

  it.each([
    ["Scan", 0, REPORT(0, true), true],
    ["Scan", 10, REPORT(0, true), true],
    ["Scan", 4, "", false],
    ["Scan", 5, "", false],
    ["Recover, as a dry run", 0, REPORT(0, true), true],
    ["Recover, as a dry run", 0, REPORT(1, true), false],
    ["Recover, as a dry run", 0, REPORT(0, false), false],
    ["Recover, as a dry run", 6, REPORT(0, true), false],
  ])("%s: exit code %s with %s passes: %s", async (name, code, report, passes) => {
    const step = steps().find((each) => each.name === name);
    const cwd = folder();
    const env = { PATH: `${standIn(cwd, "jq", JQ)}:${process.env.PATH}` };
    writeFileSync(
      join(cwd, "bin/stuck-jobs.js"),
      `console.log(${JSON.stringify(report)}); process.exitCode = ${code};`,
    );
    const ran = await run("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", step?.run ?? "false"], {
      cwd,
      env,
    });
    expect(ran.code === 0).toBe(passes);
  });

  it("names a configuration file from the root of the checkout", () => {
    const text = rendered("github-actions", "stuck-jobs-smoke.yml", { config: "/ci/my jobs.yaml" });
    const calls = steps(text).flatMap(({ run }) => (run ?? "").match(/--config \S+ \S+/g) ?? []);
    expect(calls).toEqual(["--config 'ci/my jobs.yaml'", "--config 'ci/my jobs.yaml'"]);
  });
});

function steps(text = rendered("github-actions", "stuck-jobs-smoke.yml")) {
  const all: readonly { readonly name?: string; readonly run?: string }[] = parse(text).jobs.smoke.steps;
  return all;
}

/** A `jq` that knows the two filters of the job, as jq itself is not on every machine. */
const JQ = `#!/usr/bin/env node
const [filter, file] = process.argv.slice(2).filter((word) => word !== "--exit-status");
const report = JSON.parse(require("node:fs").readFileSync(file, "utf8"));
const answers = {
  ".summary": report.summary,
  ".dryRun and .summary.errors == 0": report.dryRun && report.summary.errors === 0,
};
if (!(filter in answers)) process.exitCode = 3;
else if (process.argv.includes("--exit-status") && !answers[filter]) process.exitCode = 1;
`;
