import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import packageJson from "../../package.json" with { type: "json" };
import { run } from "../e2e/cli.ts";
import { MINUTE, rendered } from "./schedules.ts";

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

  it("never writes: it scans, and recovers as a dry run, by the action of this version", () => {
    const uses = steps().filter((step) => step.uses?.startsWith("stuck-jobs/"));
    expect(uses.map((step) => [step.uses, step.with])).toEqual([
      [`stuck-jobs/stuck-jobs@v${packageJson.version}`, { command: "scan", args: "--exit-code" }],
      [`stuck-jobs/stuck-jobs@v${packageJson.version}`, { command: "recover", args: "--dry-run" }],
    ]);
  });

  it.each([
    ["0", true],
    ["1", false],
    ["", false],
  ])("fails unless 0 jobs could not be written: %j passes: %s", async (ERRORS, passes) => {
    const script = steps().at(-1)?.run ?? "false";
    const ran = await run("bash", ["-eo", "pipefail", "-c", script], { env: { ERRORS } });
    expect(ran.code === 0).toBe(passes);
  });

  it("names a configuration file from the root of the checkout", () => {
    const text = rendered("github-actions", "stuck-jobs-smoke.yml", { config: "/ci/my jobs.yaml" });
    expect(steps(text).flatMap((step) => step.with?.config ?? [])).toEqual(["ci/my jobs.yaml", "ci/my jobs.yaml"]);
  });
});

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, string>>;
}

function steps(text = rendered("github-actions", "stuck-jobs-smoke.yml")): readonly Step[] {
  return parse(text).jobs.smoke.steps;
}
