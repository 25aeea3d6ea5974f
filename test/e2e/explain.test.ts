import { describe, expect, it } from "vitest";
import * as z from "zod";
import { folder, stuckJobs } from "./cli.ts";

const page = z.object({
  schema: z.literal("stuck-jobs/explain@1"),
  jobs: z.array(
    z.object({
      id: z.string(),
      verdict: z.string().nullable(),
      reason: z.string().nullable(),
      rule: z.string().nullable(),
      notStuck: z.string().nullable(),
      evidence: z.array(z.object({ source: z.string(), url: z.string(), result: z.string(), detail: z.string() })),
      changes: z.array(z.string()),
    }),
  ),
});

async function explained(job: string) {
  const { code, stdout, stderr } = await stuckJobs(["explain", job, "--sandbox", "-o", "json"]);
  expect([code, stderr]).toEqual([0, ""]);
  return page.parse(JSON.parse(stdout)).jobs;
}

describe("explain", () => {
  it.each([
    ["recCombineLink001", "recover", "output-found"],
    ["recConcatLost0001", "fail", "output-absent"],
    ["recTwoTargets0001", "skip", "target-ambiguous"],
    ["recTargetGone0001", "skip", "target-missing"],
    ["recFieldTaken0001", "skip", "target-occupied"],
    ["recEmptyOutput001", "unknown", "suspect-output"],
    // A sweep calibrates only when a job would be failed; here it is done always, and shows more.
    ["recCombineWaits01", "wait", "output-not-visible"],
    ["recDayOldLost0001", "skip", "beyond-max-age"],
  ])("says of %s what recover makes of it: %s, %s", async (id, verdict, reason) => {
    const [job] = await explained(id);
    expect(job).toMatchObject({ id, verdict, reason, notStuck: null });
    expect(job?.rule).not.toBe("");
  });

  it("gathers the evidence of a job that is not stuck, and says from when on it is", async () => {
    const [job] = await explained("recTooYoung000001");
    expect(job).toMatchObject({ verdict: null, evidence: [{ source: "storage", result: "present" }] });
    expect(job?.changes[0]).toMatch(/^From 20\d\d-.* on it is stuck \(stuckAfter 5m\)\.$/);
  });

  it("says of jobs that polling has closed that they are, why, and nothing of what they will be", async () => {
    const cwd = folder();
    await stuckJobs(["recover", "--sandbox"], { cwd });
    for (const [id, why] of [
      ["recCombineLost001", /^stuck-jobs has failed it, and its output has not appeared since; /],
      ["recCombineLink001", /^its status is "completed"; stuck are "processing"$/],
    ] as const) {
      const { stdout } = await stuckJobs(["explain", id, "--sandbox", "-o", "json"], { cwd });
      const [job] = page.parse(JSON.parse(stdout)).jobs;
      expect(job).toMatchObject({ id, verdict: null, notStuck: expect.stringMatching(why), changes: [] });
    }
  });

  it("counts the names that are answered alike on the page, and holds each in the data", async () => {
    const cwd = folder();
    await stuckJobs(["recover", "--sandbox"], { cwd });
    const asked = ["explain", "recCombineLost001", "--sandbox"];
    const { stdout } = await stuckJobs(asked, { cwd });
    expect(stdout.match(/ {2}HTTP 403$/gm)).toHaveLength(3);
    const [, further] = /unknown {2}(\d+) further names {2}HTTP 403$/m.exec(stdout) ?? [];
    const data = await stuckJobs([...asked, "-o", "json"], { cwd });
    expect(page.parse(JSON.parse(data.stdout)).jobs[0]?.evidence).toHaveLength(2 + Number(further));
  });

  it("finds a job by its external id, and prints a page for people", async () => {
    const { code, stdout } = await stuckJobs(["explain", "24422850-abc3-4525-9567-e2fd4bd0adcb", "--sandbox"]);
    expect(code).toBe(0);
    for (const words of [
      "recCombineLink001",
      "Voiceover + Video: empty",
      "missing here",
      "Verdict: recover, output-found",
    ]) {
      expect(stdout).toContain(words);
    }
  });

  it("writes nothing", async () => {
    const cwd = folder();
    const { readFileSync } = await import("node:fs");
    await stuckJobs(["scan", "--sandbox"], { cwd });
    const before = readFileSync(`${cwd}/.stuck-jobs-sandbox.json`, "utf8");
    await stuckJobs(["explain", "recConcatLost0001", "--sandbox"], { cwd });
    expect(readFileSync(`${cwd}/.stuck-jobs-sandbox.json`, "utf8")).toBe(before);
  });

  it("exits with 2 for a job that is not there", async () => {
    const { code, stdout, stderr } = await stuckJobs(["explain", "recNobody00000001", "--sandbox"]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("recNobody00000001");
  });
});
