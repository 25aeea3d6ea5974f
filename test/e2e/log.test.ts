import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder, stuckJobs } from "./cli.ts";
import { addSegment, openWorld, TOKEN } from "./world.ts";

async function oneJob() {
  const world = await openWorld();
  addSegment(world, "recSegment0000001");
  world.job("recJob00000000001", {
    Type: "combine",
    "External Job ID": "job-1",
    "Request Payload": "{'segment_id': 'recSegment0000001'}",
  });
  world.output("job-1_output_0.mp4");
  return world;
}

describe("the log of a sweep", () => {
  it("logs each decision with -v, with the run of the report", async () => {
    const { env } = await oneJob();
    const { stdout, stderr } = await stuckJobs(["recover", "-v", "-o", "json"], { env });
    const { runId } = JSON.parse(stdout);
    expect(stderr).toMatch(
      new RegExp(`^job=recJob00000000001 external=job-1 operation=combine .*reason=output-found .*run=${runId}\n$`),
    );
  });
  it("is JSON where that is asked for", async () => {
    const { env } = await oneJob();
    const { stdout, stderr } = await stuckJobs(["recover", "-v", "--log-format", "json", "-o", "json"], { env });
    const lines = stderr.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        level: "info",
        command: "recover",
        runId: JSON.parse(stdout).runId,
        job: "recJob00000000001",
        verdict: "recover",
        applied: true,
        evidence: "HTTP 200",
      }),
    ]);
  });
  it("is JSON for a configuration that is wrong, too", async () => {
    const { code, stderr } = await stuckJobs(["recover", "--log-format", "json"], { env: { AIRTABLE_API_KEY: TOKEN } });
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({ level: "error", command: "recover" });
  });
  it("with -q keeps to errors", async () => {
    const { env } = await oneJob();
    const missing = ["--job", "recNowhere0000001"];
    expect((await stuckJobs(["recover", ...missing], { env })).stderr).toContain("recNowhere0000001 is not among");
    expect(await stuckJobs(["recover", "-q", ...missing], { env })).toMatchObject({ code: 0, stdout: "", stderr: "" });
  });
});

describe("the journal", () => {
  async function stderrOf(journalOf: (path: string) => string) {
    const path = join(folder(), "stderr");
    const file = openSync(path, "w");
    const { ino, dev } = fstatSync(file, { bigint: true });
    const env = { AIRTABLE_API_KEY: TOKEN, JOURNAL_STREAM: journalOf(`${dev}:${ino}`) };
    await stuckJobs(["recover"], { env, stderr: file });
    closeSync(file);
    return readFileSync(path, "utf8").trimEnd().split("\n");
  }
  it("is given the priority of each line where it reads stderr", async () => {
    const lines = await stderrOf((own) => own);
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line).toMatch(/^<3>/);
  });
  it("is not, where JOURNAL_STREAM was inherited and stderr goes elsewhere", async () => {
    const lines = await stderrOf((own) => `${own}0`);
    for (const line of lines) expect(line).not.toMatch(/^</);
  });
});
