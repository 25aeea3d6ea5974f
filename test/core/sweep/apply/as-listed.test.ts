import { describe, expect, it } from "vitest";
import type { Job } from "../../../../src/core/domain/job.ts";
import type { AtomicWrite, AtomicWriter } from "../../../../src/core/ports/atomic-writer.ts";
import type { JobStore, WriteResult } from "../../../../src/core/ports/ports.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { type FakeBase, runOf, stillClock } from "../../../support/fakes.ts";
import { combine, verdicts, worldOf } from "../../../support/sweep-world.ts";

const NO_LIMIT = { signal: new AbortController().signal, notAfter: Number.POSITIVE_INFINITY };

function versionOf({ version: _, ...job }: Job): string {
  return JSON.stringify(job);
}

/** The base with transactions, that lists each job with a version. */
function withTransactions(base: FakeBase, loses: (write: number) => boolean = () => false) {
  const store: JobStore = {
    ...bound(base),
    async *list(query) {
      for await (const page of base.list(query)) yield page.map((job) => ({ ...job, version: versionOf(job) }));
    },
  };
  let count = 0;
  async function write({ job, target }: AtomicWrite): Promise<WriteResult> {
    if (job === null) throw new Error("a target alone");
    const now = base.jobs.get(job.read.id);
    const isSame = job.read.version === undefined ? now?.status === job.read.status : versionIs(now, job.read.version);
    if (!isSame) return { id: job.read.id, kind: "changed", error: "not as it was read" };
    if (target !== null) await base.updateTargets(target.table, [target.update], NO_LIMIT);
    await base.updateJobs([job.update], NO_LIMIT);
    return { id: job.read.id, kind: "confirmed" };
  }
  const atomic: AtomicWriter = {
    batchSize: 50,
    keepsJournal: true,
    async write(writes) {
      base.log.push("transaction");
      count += 1;
      const lost = loses(count);
      const results: WriteResult[] = [];
      for (const each of writes) results.push(await write(each));
      return lost ? writes.map(({ job }) => ({ id: job?.read.id ?? "", kind: "unconfirmed", error: "lost" })) : results;
    },
  };
  return { store, atomic };
}

function versionIs(job: Job | undefined, version: string): boolean {
  return job !== undefined && versionOf(job) === version;
}

function bound(base: FakeBase): JobStore {
  return {
    kind: base.kind,
    list: (query) => base.list(query),
    readJobs: (ids) => base.readJobs(ids),
    findJobs: (ids) => base.findJobs(ids),
    readTargets: (table, ids) => base.readTargets(table, ids),
    updateTargets: (...given) => base.updateTargets(...given),
    updateJobs: (...given) => base.updateJobs(...given),
    listCompleted: (after) => base.listCompleted(after),
    requests: () => base.requests(),
    clockSkewMs: () => base.clockSkewMs(),
  };
}

/** What was read and written, without the listings and what a transaction writes. */
function steps({ log }: FakeBase): readonly string[] {
  return log.filter((request) => ["readJobs", "readTargets", "transaction"].includes(request));
}

function worldWithOutputs(count: number) {
  const world = worldOf(Array.from({ length: count }, (_, n) => combine(n)));
  for (let n = 0; n < count; n += 1) world.bucket.objects.set(`x${n}_output_0.mp4`, 1);
  return world;
}

describe("a job that was listed with a version", () => {
  it("is written without being read again, and its target is read", async () => {
    const { base, bucket } = worldWithOutputs(3);
    const { store, atomic } = withTransactions(base);
    const { report } = await sweep(runOf(store, bucket, { atomic }));
    expect(report.summary.recovered).toBe(3);
    expect(steps(base)).toEqual(["readTargets", "transaction"]);
  });

  it("is read at once where it is not as it was listed, without a pause, and the others are written", async () => {
    const { base, bucket } = worldWithOutputs(3);
    const clock = stillClock();
    const { store, atomic } = withTransactions(base);
    base.before = (request) => {
      if (request !== "readTargets" || steps(base).length > 1) return;
      base.edit(combine(0).id, { webhookUrl: "https://app.example/" });
      base.edit(combine(1).id, { status: "completed" });
    };
    const began = clock.at;
    const { report } = await sweep(runOf(store, bucket, { atomic, clock }));
    expect(verdicts(report.entries)).toEqual([
      "recover: output-found!",
      "recover: output-found!",
      "skip: changed-meanwhile",
    ]);
    expect(steps(base)).toEqual(["readTargets", "transaction", "readJobs", "readTargets", "transaction"]);
    expect(clock.at).toBe(began);
  });

  it("is read where the answer to its transaction was lost", async () => {
    const { base, bucket } = worldWithOutputs(2);
    const { store, atomic } = withTransactions(base, (write) => write === 1);
    const { report } = await sweep(runOf(store, bucket, { atomic, clock: stillClock() }));
    expect(report.entries.map(({ applied, error }) => [applied, error])).toEqual([
      [true, null],
      [true, null],
    ]);
    expect(steps(base)).toEqual(["readTargets", "transaction", "readJobs"]);
  });

  it("is read where nothing is to be written", async () => {
    const { base, bucket } = worldWithOutputs(1);
    const { store, atomic } = withTransactions(base);
    await sweep(runOf(store, bucket, { atomic, dryRun: true }));
    expect(steps(base)).toEqual(["readJobs", "readTargets"]);
  });

  it("is written although reading its target took longer than a read may be old", async () => {
    const { base, bucket } = worldWithOutputs(1);
    const clock = stillClock();
    const { store, atomic } = withTransactions(base);
    base.readTargets = slowly(base, () => {
      clock.at += 6_000;
    });
    const { report } = await sweep(runOf(store, bucket, { atomic, clock }));
    expect(report.summary.recovered).toBe(1);
    expect(steps(base)).toEqual(["readTargets", "transaction"]);
  });
});

function slowly(base: FakeBase, pass: () => void): FakeBase["readTargets"] {
  const readTargets = base.readTargets.bind(base);
  return async (...given) => {
    await new Promise(setImmediate);
    pass();
    return await readTargets(...given);
  };
}
