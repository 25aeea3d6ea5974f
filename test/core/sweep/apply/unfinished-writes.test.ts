import { describe, expect, it } from "vitest";
import type { PendingWrite } from "../../../../src/core/ports/journal.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { HOUR, NOW, SECOND } from "../../../support/builders.ts";
import { type FakeBase, type FakeBucket, runOf, stillClock } from "../../../support/fakes.ts";
import { MemoryJournal } from "../../../support/journal.ts";
import { combine, verdicts, worldOf } from "../../../support/sweep-world.ts";

/** What a run announces before it writes a job, or its target. */
function pending(job: string, target: string | null): PendingWrite {
  return {
    job: { id: job, externalId: null, operation: "combine", since: null, age: null },
    target: target === null ? null : { table: "Segments", id: target },
    fields: { status: { before: "processing", after: "completed" } },
    note: null,
    reason: "output-found",
    detail: "",
    supersededBy: null,
    evidence: { probes: [], provider: null, calibration: null },
    undoes: null,
  };
}

/** A journal in which another run announced a write `ago` before the sweep, and recorded its result or was killed. */
async function journalWith(write: PendingWrite, ago: number, how: "killed" | "finished" = "killed") {
  const journal = new MemoryJournal();
  journal.now = () => NOW - ago;
  const finish = await journal.recordIntent([write], { runId: "run-0", command: "recover" });
  if (how === "finished") await finish([{ id: write.job.id, kind: "confirmed" }]);
  return journal;
}

/** Sweeps, and returns the verdicts with the seconds after which each job was written. */
async function timed({ base, bucket }: { base: FakeBase; bucket: FakeBucket }, journal: MemoryJournal) {
  const clock = stillClock();
  journal.now = () => clock.now();
  const written: number[] = [];
  base.before = (request) => {
    if (request === "updateJobs") written.push((clock.now() - NOW) / SECOND);
  };
  const { report } = await sweep(runOf(base, bucket, { journal, clock }));
  return [verdicts(report.entries), written];
}

function twoFound() {
  const world = worldOf([combine(1), combine(2)]);
  world.bucket.objects.set("x1_output_0.mp4", 1).set("x2_output_0.mp4", 2);
  return world;
}

const BOTH = ["recover: output-found!", "recover: output-found!"];

describe("a sweep that begins after a run was killed in the middle of a write", () => {
  it.each([
    ["job", pending("recJobs0000000001", null)],
    ["target", pending("recJobs0000000001", "recSegs0000000001")],
  ])("waits until that write to a %s can no longer arrive, and writes the others at once", async (_, write) => {
    expect(await timed(twoFound(), await journalWith(write, 10 * SECOND))).toEqual([BOTH, [0, 20]]);
  });

  it("does not wait where the write is older than that", async () => {
    const journal = await journalWith(pending("recJobs0000000001", null), 31 * SECOND);
    expect(await timed(twoFound(), journal)).toEqual([BOTH, [0]]);
  });

  it("does not wait where the write has its result", async () => {
    const journal = await journalWith(pending("recJobs0000000001", null), 10 * SECOND, "finished");
    expect(await timed(twoFound(), journal)).toEqual([BOTH, [0]]);
  });

  it("leaves a job alone that the late write has completed", async () => {
    const world = worldOf([combine(1)]);
    world.bucket.objects.set("x1_output_0.mp4", 1);
    const clock = stillClock();
    const sleep = clock.sleep.bind(clock);
    clock.sleep = async (ms, signal) => {
      await sleep(ms, signal);
      if (ms === 20 * SECOND) world.base.edit("recJobs0000000001", { status: "completed" });
    };
    const journal = await journalWith(pending("recJobs0000000001", null), 10 * SECOND);
    const { report } = await sweep(runOf(world.base, world.bucket, { journal, clock }));
    expect(verdicts(report.entries)).toEqual(["skip: changed-meanwhile"]);
    expect(world.base.log).not.toContain("updateTargets");
  });

  it("waits before it fails such a job, and probes it again", async () => {
    const world = worldOf([combine(1, { age: 2 * HOUR })]);
    const journal = await journalWith(pending("recJobs0000000001", null), 10 * SECOND);
    expect(await timed(world, journal)).toEqual([["fail: output-absent!"], [20]]);
    expect(world.bucket.probed.filter((name) => name === "x1_output_0.mp4").length).toBeGreaterThan(1);
  });
});
