import { describe, expect, it } from "vitest";
import type { PendingWrite } from "../../../../src/core/ports/journal.ts";
import { PastWrites } from "../../../../src/core/sweep/apply/past-writes.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { HOUR, MINUTE, NOW, SECOND } from "../../../support/builders.ts";
import { type FakeBase, type FakeBucket, runOf, stillClock } from "../../../support/fakes.ts";
import { MemoryJournal } from "../../../support/journal.ts";
import { combine, FIELD, verdicts, worldOf } from "../../../support/sweep-world.ts";

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

/** A journal that counts how often it is read. */
class CountingJournal extends MemoryJournal {
  readonly reads = { writes: 0, webhooks: 0 };

  override async readWrites() {
    this.reads.writes += 1;
    return await super.readWrites();
  }

  override async readWebhooks() {
    this.reads.webhooks += 1;
    return await super.readWebhooks();
  }
}

/**
 * A base without notes in which a sweep has delivered two files, and the world of the next: a newer job for the first
 * target, and the second file cut short after it was written again.
 */
async function afterDeliveries() {
  const world = worldOf([combine(1, { age: 40 * MINUTE }), combine(2), combine(3)]);
  const { base, bucket } = world;
  for (const n of [1, 2]) bucket.objects.set(`x${n}_output_0.mp4`, 1000);
  base.edit("recJobs0000000003", { status: "waiting", links: { Segments: ["recSegs0000000001"] } });
  const journal = new CountingJournal();
  journal.now = () => NOW;
  const run = (runId: string) => runOf(base, bucket, { journal, hasNotes: false, signature: { runId, version: "0" } });
  const forget = (id: string) => base.edit(id, { responsePayload: "", notes: "" });
  const cut = (id: string, size: number) => {
    const filename = "x2_output_0.mp4";
    base.files("recSegs0000000002", size === 0 ? [] : [{ id, filename, url: "https://airtable.example/x2", size }]);
  };
  await sweep(run("run-1"));
  for (const id of ["recJobs0000000001", "recJobs0000000002"]) forget(id);
  base.edit("recJobs0000000003", { status: "processing" });
  bucket.objects.set("x3_output_0.mp4", 1000);
  cut("attGiven2", 400);
  journal.reads.writes = 0;
  return { ...world, journal, run };
}

describe("the journal's writes", () => {
  it("are read once by a sweep that replaces an older job's file, delivers, and writes a cut file again", async () => {
    const { base, journal, run } = await afterDeliveries();
    const { report } = await sweep(run("run-2"));
    expect(report.entries.map(({ id, verdict, applied }) => [id, verdict.reason, applied])).toEqual([
      ["recJobs0000000003", "output-found", true],
      ["recJobs0000000002", "delivery-retried", true],
    ]);
    expect(base.targets.get("Segments")?.get("recSegs0000000001")?.fields[FIELD]).toEqual([
      { url: "https://bucket.example/x3_output_0.mp4" },
    ]);
    expect(journal.reads.writes).toBe(1);
  });

  it("are read again for a job that the sweep itself has written for", async () => {
    const journal = new CountingJournal();
    const past = new PastWrites(journal);
    const target = { table: "Segments", id: "recSegs0000000001", field: "status" };
    const [own, other] = [combine(1), combine(2)];
    const delivered = async () => [await past.delivered(target, own), await past.delivered(target, other)];
    expect(await delivered()).toEqual([[], []]);
    const finish = await journal.recordIntent([pending(own.id, target.id)], { runId: "run-1", command: "recover" });
    await finish([{ id: own.id, kind: "confirmed" }]);
    expect(await delivered()).toEqual([[], []]);
    past.addOwn(own.id);
    expect(await delivered()).toEqual([["completed"], []]);
    expect(journal.reads.writes).toBe(2);
  });

  it("are not read by a sweep that finds nothing to write", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    const journal = new CountingJournal();
    await sweep(runOf(base, bucket, { journal }));
    expect(journal.reads).toEqual({ writes: 0, webhooks: 0 });
  });

  it("are read again before a job is failed, since another host's run may have announced a write to it", async () => {
    const world = worldOf([combine(1), combine(2, { age: 2 * HOUR })]);
    world.bucket.objects.set("x1_output_0.mp4", 1);
    const clock = stillClock();
    const journal = new CountingJournal();
    journal.now = () => clock.now();
    world.base.before = (request) => {
      const other = { runId: "run-0", version: "0", command: "recover" };
      if (request === "updateTargets") void journal.recordIntent([pending("recJobs0000000002", null)], other);
    };
    const { report } = await sweep(runOf(world.base, world.bucket, { journal, clock }));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!", "recover: output-found!"]);
    expect([clock.now() - NOW, journal.reads.writes]).toEqual([30 * SECOND, 2]);
  });
});
