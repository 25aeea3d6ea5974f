import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { folder, stuckJobs } from "./cli.ts";

const JOURNAL = ".stuck-jobs-sandbox-journal.ndjson";

/** The journal of a recover of the sandbox; what reads it has no token. */
async function recorded(...flags: string[]) {
  const cwd = folder();
  await stuckJobs(["recover", "--sandbox", ...flags], { cwd });
  const replay = async (...args: string[]) => {
    const { code, stdout, stderr } = await stuckJobs(["replay", "--journal", JOURNAL, "-o", "json", ...args], { cwd });
    return { code, stderr, ...(stdout === "" ? {} : JSON.parse(stdout)) };
  };
  return { cwd, replay };
}

const verdicts = (differences: readonly { id: string; before: object; now: { kind: string; reason: string } }[]) =>
  differences.map(({ id, now }) => `${id} ${now.kind} ${now.reason}`);

it("finds no difference by the rules that the run had", async () => {
  const { cwd, replay } = await recorded();
  expect(await replay()).toMatchObject({ code: 0, schema: "stuck-jobs/replay@1", runs: 1, jobs: 25, differences: [] });
  expect((await stuckJobs(["replay", "--journal", JOURNAL], { cwd })).stdout).toBe(
    "No verdict would differ (1 run, 25 verdicts).\n",
  );
});

it("shows the jobs that a longer failAfter would have spared", async () => {
  const { cwd, replay } = await recorded();
  writeFileSync(join(cwd, "new.yaml"), "thresholds: { failAfter: 20h }\n");
  const { differences } = await replay("--config", "new.yaml");
  expect(verdicts(differences).sort()).toEqual([
    "recCombineLost001 wait output-pending",
    "recConcatLost0001 wait output-pending",
  ]);
  expect(differences[0].before).toMatchObject({ kind: "fail", reason: "output-absent" });
});

it("says of names that were not looked under that they were not", async () => {
  const { cwd, replay } = await recorded();
  writeFileSync(join(cwd, "new.yaml"), 'operations: { combine: { outputs: ["{externalId}_new.mp4"] } }\n');
  const { differences } = await replay("--config", "new.yaml");
  expect(verdicts(differences)).toContain("recCombineLost001 open not-probed");
});

it("refuses a file that is no journal, and a run that is not in it", async () => {
  const { replay } = await recorded();
  expect(await replay("--run", "nope")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("found no run nope"),
  });
  const { code, stderr } = await stuckJobs(["replay", "--journal", "nowhere.ndjson"]);
  expect([code, stderr.includes("nowhere.ndjson")]).toEqual([2, true]);
});
