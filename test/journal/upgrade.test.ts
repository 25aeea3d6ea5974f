import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readHistory } from "../../src/journal/history.ts";
import { readLines } from "../../src/journal/read.ts";
import { recordedRuns } from "../../src/journal/recorded-runs.ts";
import { upgradeLine } from "../../src/journal/upgrade.ts";

/** A journal that version 0.1.0 wrote before `@2`: one recover with a write, result, webhook, run and verdict lines. */
const OLD_JOURNAL = join(import.meta.dirname, "fixtures", "journal-1.ndjson");

describe("a journal of the schema stuck-jobs/journal@1", () => {
  it("gives undo and stats its writes and webhooks", async () => {
    const { writes, webhooks } = await readHistory(readLines([OLD_JOURNAL]), "appE2e00000000001");
    expect(writes.map(({ role, record, reason, confirmed }) => [role, record, reason, confirmed])).toEqual([
      ["target", "recSegs0000000001", "output-found", true],
      ["target", "recSegs0000000006", "provider-output", true],
      ["job", "recJobs0000000001", "output-found", true],
      ["job", "recJobs0000000006", "provider-output", true],
      ["job", "recJobs0000000002", "output-absent", true],
    ]);
    expect(webhooks.map(({ job }) => job.id)).toEqual(["recJobs0000000004"]);
  });

  it("gives replay its verdicts, with the renamed reasons", async () => {
    const [run, ...more] = await recordedRuns(readLines([OLD_JOURNAL]));
    expect(more).toEqual([]);
    expect(run?.contextFields).toMatchObject({ blocked: [], calibration: { kind: "missing-is-404" } });
    expect(run?.jobs.map(({ job, verdict }) => [job.externalId, verdict.reason])).toEqual([
      ["e1", "output-found"],
      ["e2", "output-absent"],
      ["e3", "output-pending"],
      ["e5", "provider-running"],
      ["e6", "provider-output"],
      ["e4", "output-found"],
    ]);
    const replies = run?.jobs.map(({ providerReply }) => providerReply);
    expect(replies?.[4]?.answer).toMatchObject({ kind: "succeeded", worker: "queue 1 of process 3" });
    expect(replies?.[4]?.probes).toMatchObject([
      { result: "present", url: "https://outputs.example/outputs/elsewhere.mp4" },
    ]);
  });

  it("keeps what the application wrote, whatever its keys are called", async () => {
    const [run] = await recordedRuns(readLines([OLD_JOURNAL]));
    expect(run?.jobs[1]?.job.payload).toEqual({
      kind: "read",
      value: { segment_id: "recSegs0000000002", late: true, looks: "as they are" },
    });
  });
});

describe("upgradeLine", () => {
  const OLD = { schema: "stuck-jobs/journal@1" };

  it.each([
    ["gone", "deleted"],
    ["held-up", "batch-rejected"],
    ["confirmed", "confirmed"],
  ])("names the result %s %s", (before, after) => {
    expect(upgradeLine({ ...OLD, kind: "result", result: before })).toMatchObject({ result: after });
  });

  it.each([
    ["declined", "not-confirmed"],
    ["failing-off", "fail-disabled"],
    ["newer-undecided", "newer-job-undecided"],
    ["brake-held", "brake-engaged"],
  ])("names the reason %s %s", (before, after) => {
    const line = { ...OLD, kind: "verdict", verdict: { kind: "wait", reason: before } };
    expect(upgradeLine(line)).toMatchObject({ schema: "stuck-jobs/journal@2", verdict: { reason: after } });
  });

  it("leaves lines of the present schema as they are", () => {
    const line = { schema: "stuck-jobs/journal@2", kind: "result", result: "gone", late: true };
    expect(upgradeLine(line)).toBe(line);
  });
});
