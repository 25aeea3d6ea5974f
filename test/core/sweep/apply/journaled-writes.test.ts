import { describe, expect, it } from "vitest";
import { JournalError } from "../../../../src/core/ports/errors.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { HOUR, MINUTE } from "../../../support/builders.ts";
import { runOf } from "../../../support/fakes.ts";
import { MemoryJournal } from "../../../support/journal.ts";
import { combine, worldOf } from "../../../support/sweep-world.ts";

describe("the journal", () => {
  it("names the newer job whose output was delivered instead, in a field of its own", async () => {
    const links = { Segments: ["recSegs0000000001"] };
    const { base, bucket } = worldOf([combine(1, { age: 30 * MINUTE, links }), combine(2, { links })]);
    bucket.objects.set("x1_output_0.mp4", 1).set("x2_output_0.mp4", 2);
    const journal = new MemoryJournal();
    await sweep(runOf(base, bucket, { journal }));
    const jobs = journal.past().filter(({ role }) => role === "job");
    expect(jobs.map(({ record, supersededBy }) => [record, supersededBy])).toEqual([
      ["recJobs0000000002", null],
      ["recJobs0000000001", "recJobs0000000002"],
    ]);
  });

  it("that cannot be written stops the sweep before anything is written", async () => {
    const { base, bucket } = worldOf([combine(1), combine(2, { age: 2 * HOUR })]);
    bucket.objects.set("x1_output_0.mp4", 1);
    const journal = Object.assign(new MemoryJournal(), {
      recordIntent: async () => Promise.reject(new JournalError("the disk is full", "make room")),
    });
    await expect(sweep(runOf(base, bucket, { journal }))).rejects.toThrow("the disk is full");
    expect(base.log.filter((request) => request.startsWith("update"))).toEqual([]);
  });

  it("that fails in the middle of a sweep does not hide what was written before", async () => {
    const { base, bucket } = worldOf([combine(1), combine(2, { age: 2 * HOUR })]);
    bucket.objects.set("x1_output_0.mp4", 1);
    const journal = new MemoryJournal();
    const recordIntent = journal.recordIntent.bind(journal);
    const failing = Object.assign(journal, {
      recordIntent: async (...args: Parameters<typeof recordIntent>) => {
        if (args[0].some(({ reason }) => reason === "output-absent")) throw new JournalError("the disk is full", "");
        return await recordIntent(...args);
      },
    });
    const { report, fault } = await sweep(runOf(base, bucket, { journal: failing }));
    expect(fault?.message).toBe("the disk is full");
    expect(report.entries.map(({ externalId, applied, verdict }) => [externalId, applied, verdict.reason])).toEqual([
      ["x1", true, "output-found"],
      ["x2", false, "not-reached"],
    ]);
  });
});
