import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { folder, run } from "../e2e/cli.ts";

const RUN = resolve("packaging/action/run.mjs");
const action = parse(readFileSync("action.yml", "utf8"));
const home = mkdtempSync(join(tmpdir(), "stuck-jobs-action-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
let tarball = "";

/** npm takes its time on a machine that has other work. */
const PATIENCE = 300_000;

beforeAll(async () => {
  const packed = await run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", home], {
    cwd: resolve("."),
    env: { HOME: home },
  });
  expect(packed.code).toBe(0);
  tarball = join(home, readdirSync(home).find((name) => name.endsWith(".tgz")) ?? "");
}, PATIENCE);

/** Runs the action's step as a runner does, with these inputs. */
async function step(inputs: Readonly<Record<string, string>>, cwd = folder()) {
  const [output, summary] = [join(cwd, "output"), join(cwd, "summary")];
  for (const file of [output, summary]) writeFileSync(file, "");
  const env = {
    HOME: home,
    RUNNER_TEMP: cwd,
    GITHUB_OUTPUT: output,
    GITHUB_STEP_SUMMARY: summary,
    STUCK_JOBS_ACTION_VERSION: tarball,
    npm_config_offline: "true",
    npm_config_update_notifier: "false",
    ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`STUCK_JOBS_ACTION_${name}`, value])),
  };
  const { code, stderr } = await run(process.execPath, [RUN], { cwd, env });
  const outputs = Object.fromEntries(
    readFileSync(output, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(/=(.*)/s).slice(0, 2)),
  );
  return { code, stderr, outputs, summary: readFileSync(summary, "utf8") };
}

describe("the GitHub Action", { timeout: PATIENCE }, () => {
  it("gives each input to its step as a variable: no input becomes a part of a script", () => {
    const { env, run: script } = action.runs.steps.at(-1);
    const inputs = Object.keys(action.inputs).filter((name) => name !== "working-directory");
    expect(Object.values(env)).toEqual(inputs.map((name) => `\${{ inputs.${name} }}`));
    expect(script).not.toContain("{{");
  });

  it("sweeps, and gives the counts as outputs and the table as summary", async () => {
    const ran = await step({ COMMAND: "recover", ARGS: "--sandbox --dry-run" });
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    const { report, "run-id": runId, ...counts } = ran.outputs;
    expect(counts).toEqual({
      "exit-code": "0",
      stuck: "25",
      recovered: "11",
      failed: "2",
      waiting: "1",
      skipped: "10",
      unknown: "1",
      errors: "0",
    });
    expect(Object.keys(ran.outputs).sort()).toEqual(Object.keys(action.outputs).sort());
    expect(JSON.parse(readFileSync(report ?? "", "utf8")).runId).toBe(runId);
    expect(ran.summary).toContain("stuck-jobs recover (nothing was written)");
    expect(ran.summary).toContain("| recCombineLink001 | combine | 11m | recover | output-found |");
  });

  it("takes one flag a line where a value has blanks, and a configuration", async () => {
    const cwd = folder();
    writeFileSync(join(cwd, "my jobs.yaml"), "thresholds: { stuckAfter: 10m }\n");
    const ran = await step({ COMMAND: "scan", ARGS: "--sandbox\n--operation\ncombine", CONFIG: "my jobs.yaml" }, cwd);
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    expect(ran.summary).not.toContain("| concatenate |");
  });

  it("passes with stuck jobs under --exit-code, and fails with the program's own code otherwise", async () => {
    expect((await step({ COMMAND: "scan", ARGS: "--sandbox --exit-code" })).outputs["exit-code"]).toBe("10");
    const wrong = await step({ COMMAND: "scan", ARGS: "" });
    expect([wrong.code, wrong.outputs["exit-code"], wrong.outputs.report]).toEqual([2, "2", ""]);
    expect(wrong.summary).toContain("Exit code 2, and no report");
    expect(wrong.stderr).toContain("AIRTABLE_API_KEY");
  });

  it("refuses what is none of the three commands, before it installs anything", async () => {
    const ran = await step({ COMMAND: "undo", ARGS: "" });
    expect([ran.code, ran.stderr]).toEqual([2, '::error::command: "undo"; expected scan, recover, fail-old\n']);
  });
});
