import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { HOUR } from "../support/builders.ts";
import { folder, stuckJobs } from "./cli.ts";
import { addSegment, openWorld } from "./world.ts";

const OLD_JOURNAL = resolve("test/journal/fixtures/journal-1.ndjson");
const RUN = "a973c479-d85a-4b80-b665-7c7cb3056b30";

describe("a journal of the schema stuck-jobs/journal@1", () => {
  it("is replayed without a difference by the rules of its run", async () => {
    const cwd = folder();
    writeFileSync(
      join(cwd, ".stuck-jobsrc.yaml"),
      "operations: { concatenate: { webhookEndpoint: /v1/video/concatenate } }",
    );
    const { code, stdout } = await stuckJobs(["replay", "--journal", OLD_JOURNAL, "-o", "json"], {
      cwd,
      env: { NCA_BASE_URL: "https://nca.example", NCA_API_KEY: "k" },
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ runs: 1, jobs: 6, differences: [] });
  });

  it("lets undo restore what its run wrote", async () => {
    const [world, cwd] = [await openWorld(), folder()];
    const text = readFileSync(OLD_JOURNAL, "utf8");
    const written = JSON.parse(
      text.split("\n").find((line) => line.includes('"output_url') && line.includes('"write"')) ?? "",
    );
    addSegment(world, "recSegs0000000001", {
      Status: "combined",
      "Voiceover + Video": [{ id: "att1", url: "https://x.example/1", filename: "e1_output_0.mp4", size: 1_000_000 }],
    });
    world.job("recJobs0000000001", {
      Status: "completed",
      Type: "combine",
      "External Job ID": "e1",
      Segments: ["recSegs0000000001"],
      "Response Payload": written.fields.responsePayload.after,
      Notes: written.note,
    });
    const journal = join(cwd, "journal.ndjson");
    writeFileSync(journal, text);
    const args = ["undo", RUN, "--job", "e1", "--journal", journal, "-o", "json"];
    const { code, stdout } = await stuckJobs(args, { cwd, env: world.env });
    expect([code, JSON.parse(stdout).summary]).toEqual([0, { restored: 2, asItWas: 0, changedSince: 0, cannot: 0 }]);
    expect(world.fields("Jobs", "recJobs0000000001").Status).toBe("processing");
    expect(world.fields("Segments", "recSegs0000000001").Status).toBe("Voiceover Ready");
    // The lines that undo appends are of the present schema.
    expect(readFileSync(journal, "utf8")).toContain('"schema":"stuck-jobs/journal@2"');
  });

  it("is counted by stats", async () => {
    const [world, cwd] = [await openWorld(), folder()];
    world.job("recJobs0000000004", { Status: "completed", Type: "concatenate", "External Job ID": "e4" }, 30 * HOUR);
    const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    const journal = join(cwd, "journal.ndjson");
    writeFileSync(journal, readFileSync(OLD_JOURNAL, "utf8").replaceAll("2026-11-30", yesterday));
    const { stdout } = await stuckJobs(["stats", "--journal", journal, "-o", "json"], { cwd, env: world.env });
    expect(JSON.parse(stdout)).toMatchObject({
      total: { byPolling: 3, failedByPolling: 1 },
      journal: { runs: 1, viaWebhook: 1, gone: 3 },
    });
  });
});
