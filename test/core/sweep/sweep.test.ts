import { describe, expect, it } from "vitest";
import type { Job } from "../../../src/core/domain/job.ts";
import type { Entry } from "../../../src/core/domain/report.ts";
import { TableRefused, UpstreamError } from "../../../src/core/ports/errors.ts";
import { sweep } from "../../../src/core/sweep/sweep.ts";
import { COMBINE, HOUR, job, MINUTE, NOW, POLICY } from "../../support/builders.ts";
import { FakeBase, FakeBucket, runOf, stillClock } from "../../support/fakes.ts";

const FIELD = "Voiceover + Video";

/** A combine job of its own for segment `n`, with the external id `x<n>`. */
function combine(n: number, over: Partial<Job> & { age?: number } = {}): Job {
  const suffix = String(n).padStart(7, "0");
  return job({
    id: `recJobs000${suffix}`,
    externalId: `x${n}`,
    links: { Segments: [`recSegs000${suffix}`] },
    ...over,
  });
}

function worldOf(jobs: readonly Job[]) {
  const base = new FakeBase(jobs);
  const bucket = new FakeBucket();
  for (const { links } of jobs) for (const id of links.Segments ?? []) base.target("Segments", id);
  return { base, bucket };
}

function verdicts(entries: readonly Entry[]) {
  return entries.map(({ verdict, applied }) => `${verdict.kind}: ${verdict.reason}${applied ? "!" : ""}`).toSorted();
}

function counted(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

describe("a sweep that recovers", () => {
  it("delivers the output to the target, then completes the job", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1234);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!"]);
    expect(base.targets.get("Segments")?.get("recSegs0000000001")?.fields).toEqual({
      [FIELD]: [{ url: "https://bucket.example/x1_output_0.mp4" }],
      Status: "combined",
    });
    const done = base.jobs.get("recJobs0000000001");
    expect(done?.status).toBe("completed");
    expect(JSON.parse(done?.responsePayload ?? "")).toEqual({
      output_url: "https://bucket.example/x1_output_0.mp4",
      completed_via: "polling",
      run_id: "run-1",
    });
    expect(done?.notes).toMatch(/^Completed via polling at 2026-03-01T12:00:00.000Z.*1234 bytes.*run run-1/);
    expect(base.log).toEqual(["list", "readJobs", "readTargets", "updateTargets", "updateJobs"]);
  });

  it.each([
    [1, { readJobs: 5, readTargets: 5, updateTargets: 5, updateJobs: 5 }],
    [2, { readJobs: 2, readTargets: 2, updateTargets: 5, updateJobs: 5 }],
    [4, { readJobs: 1, readTargets: 1, updateTargets: 5, updateJobs: 5 }],
  ])(
    "reads no more jobs at once than it can write while that is fresh: at %s requests a second",
    async (rate, costs) => {
      const { base, bucket } = worldOf(Array.from({ length: 50 }, (_, n) => combine(n)));
      for (let n = 0; n < 50; n += 1) bucket.objects.set(`x${n}_output_0.mp4`, 1);
      const clock = stillClock();
      base.before = () => {
        clock.at += 1000 / rate;
      };
      const { report } = await sweep(runOf(base, bucket, { clock, requestsPerSecond: rate }));
      expect(report.summary).toMatchObject({ recovered: 50, errors: 0 });
      const [, ...asked] = base.log;
      expect(counted(asked)).toEqual(costs);
    },
  );

  it("keeps the notes that are there", async () => {
    const { base, bucket } = worldOf([combine(1, { notes: "x".repeat(5_000) })]);
    bucket.objects.set("x1_output_0.mp4", 1);
    await sweep(runOf(base, bucket));
    expect(base.jobs.get("recJobs0000000001")?.notes.split("\n")).toEqual([
      "x".repeat(5_000),
      expect.stringMatching(/^Completed via polling/),
    ]);
  });

  it("asks for nothing but the listing when nothing is stuck", async () => {
    const { base, bucket } = worldOf([combine(1, { status: "completed" })]);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.summary.stuck).toBe(0);
    expect([base.log, bucket.looked]).toEqual([["list"], []]);
  });

  it("leaves a job alone that the webhook completed between listing and writing", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.before = (request) => {
      if (request === "readJobs") base.edit("recJobs0000000001", { status: "completed", notes: "by webhook" });
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["skip: changed-meanwhile"]);
    expect(base.jobs.get("recJobs0000000001")?.notes).toBe("by webhook");
    expect(base.targets.get("Segments")?.get("recSegs0000000001")?.fields).toEqual({});
  });

  it.each(["status", "externalId", "links"] as const)(
    "leaves a job alone whose %s changed meanwhile",
    async (field) => {
      const { base, bucket } = worldOf([combine(1)]);
      bucket.objects.set("x1_output_0.mp4", 1);
      const changes = { status: "webhook_error", externalId: "other", links: { Segments: ["recSegs0000000009"] } };
      base.before = (request) => {
        if (request === "readJobs") base.edit("recJobs0000000001", { [field]: changes[field] });
      };
      const { report } = await sweep(runOf(base, bucket));
      expect(verdicts(report.entries)).toEqual(["skip: changed-meanwhile"]);
      expect(base.log).not.toContain("updateJobs");
    },
  );

  it("leaves a job alone that was deleted meanwhile, and does not count it as an error", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.before = (request) => {
      if (request === "readJobs") base.jobs.delete("recJobs0000000001");
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["skip: changed-meanwhile"]);
    expect(report.summary.errors).toBe(0);
  });

  it("does not complete a job whose target is gone", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.targets.clear();
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["skip: target-missing"]);
    expect(base.jobs.get("recJobs0000000001")?.status).toBe("processing");
  });

  it("does not overwrite another file in the target's field", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.target("Segments", "recSegs0000000001", { [FIELD]: [{ url: "https://bucket.example/other.mp4" }] });
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["skip: target-occupied"]);
    expect(base.log).not.toContain("updateTargets");
  });

  it.each([
    ["replaces an older job's file where the operation says so", 2 * HOUR, "recover: output-found!"],
    ["never replaces a newer job's file", 2 * MINUTE, "skip: target-occupied"],
  ])("%s", async (_, age, expected) => {
    const other = combine(2, { age, status: "completed", links: {} });
    const { base, bucket } = worldOf([combine(1), other]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.target("Segments", "recSegs0000000001", { [FIELD]: [{ url: "https://bucket.example/x2_output_0.mp4" }] });
    const policy = { ...POLICY, operations: [{ ...COMBINE, onExisting: "replace" as const }] };
    const { report } = await sweep(runOf(base, bucket, { policy }));
    expect(verdicts(report.entries)).toEqual([expected]);
  });

  it("completes the job without another write where the target holds this very file", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.target("Segments", "recSegs0000000001", { [FIELD]: [{ url: "https://elsewhere.example/x1_output_0.mp4" }] });
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!"]);
    expect(base.log).not.toContain("updateTargets");
  });

  it("finds the target in a link field that only the guard read sees", async () => {
    const unlinked = combine(1, { links: {} });
    const { base, bucket } = worldOf([unlinked]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.target("Segments", "recSegs0000000001");
    base.before = (request) => {
      if (request === "readJobs") base.edit(unlinked.id, { links: { "Related Segment Video": ["recSegs0000000001"] } });
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!"]);
  });

  it.each(["updateTargets", "updateJobs"])(
    "resolves a lost answer of %s by reading, without doubling anything",
    async (lost) => {
      const { base, bucket } = worldOf([combine(1)]);
      bucket.objects.set("x1_output_0.mp4", 1);
      let losses = 0;
      base.after = (request) => (request === lost && losses++ === 0 ? "lost" : undefined);
      const { report } = await sweep(runOf(base, bucket));
      expect(verdicts(report.entries)).toEqual(["recover: output-found!"]);
      expect(base.log.filter((request) => request === lost)).toHaveLength(1);
      expect(base.jobs.get("recJobs0000000001")?.notes.match(/Completed via polling/g)).toHaveLength(1);
    },
  );

  it.each([
    ["with a file", 10 * MINUTE, "recover: output-found!"],
    ["without one", 2 * HOUR, "fail: output-absent!"],
  ])("tells by reading what became of the last try to write a job %s", async (kind, age, told) => {
    const { base, bucket } = worldOf([combine(1, { age })]);
    if (kind === "with a file") bucket.objects.set("x1_output_0.mp4", 1);
    const before = base.jobs.get("recJobs0000000001");
    let writes = 0;
    base.after = (request) => {
      if (request !== "updateJobs") return undefined;
      writes += 1;
      // The first three never reached the base.
      if (writes < 4 && before !== undefined) base.edit(before.id, before);
      return "lost";
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual([told]);
    expect(report.entries.map(({ error }) => error)).toEqual([null]);
    expect(writes).toBe(4);
  });

  it.each([
    ["with a file", 10 * MINUTE],
    ["without one", 2 * HOUR],
  ])("tells the error of a job %s that was written in vain four times", async (kind, age) => {
    const { base, bucket } = worldOf([combine(1, { age })]);
    if (kind === "with a file") bucket.objects.set("x1_output_0.mp4", 1);
    const before = base.jobs.get("recJobs0000000001");
    base.after = (request) => {
      if (request !== "updateJobs") return undefined;
      if (before !== undefined) base.edit(before.id, before);
      return "lost";
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries.map(({ applied, error }) => [applied, error])).toEqual([[false, "the answer was lost"]]);
    expect(base.log.filter((request) => request === "updateJobs")).toHaveLength(4);
  });

  it("lets the newest of two jobs for one target win, and closes the older with a note", async () => {
    const links = { Segments: ["recSegs0000000001"] };
    const { base, bucket } = worldOf([
      combine(1, { age: 30 * MINUTE, links }),
      combine(2, { age: 10 * MINUTE, links }),
    ]);
    bucket.objects.set("x1_output_0.mp4", 1).set("x2_output_0.mp4", 2);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!", "recover: superseded!"]);
    expect(base.targets.get("Segments")?.get("recSegs0000000001")?.fields[FIELD]).toEqual([
      { url: "https://bucket.example/x2_output_0.mp4" },
    ]);
    expect(base.jobs.get("recJobs0000000001")?.notes).toContain("superseded by job recJobs0000000002");
  });

  it.each(["skip", "replace", "append"] as const)(
    "closes the older of two jobs, where fields are to %s, after a sweep that delivered the newer was killed",
    async (onExisting) => {
      const newer = combine(2, { age: 10 * MINUTE, status: "completed", notes: "Completed via polling at …" });
      const { base, bucket } = worldOf([combine(1, { age: 30 * MINUTE }), newer]);
      bucket.objects.set("x1_output_0.mp4", 1);
      const held = [{ id: "att00000000000002", url: "https://bucket.example/x2_output_0.mp4" }];
      base.target("Segments", "recSegs0000000001", { [FIELD]: held });
      const policy = { ...POLICY, operations: [{ ...COMBINE, onExisting }] };
      const { report } = await sweep(runOf(base, bucket, { policy }));
      expect(verdicts(report.entries)).toEqual(["recover: superseded!"]);
      expect(base.jobs.get("recJobs0000000001")?.notes).toContain("superseded by job recJobs0000000002");
      expect(base.log).not.toContain("updateTargets");
    },
  );

  it.each([
    ["unreachable", "storage-unreachable"],
    ["suspect", "suspect-output"],
    ["redirected", "answer-ambiguous"],
  ] as const)("does not deliver an older file while the newer job's look is %s", async (look, reason) => {
    const links = { Segments: ["recSegs0000000001"] };
    const { base, bucket } = worldOf([
      combine(1, { age: 30 * MINUTE, links }),
      combine(2, { age: 10 * MINUTE, links }),
    ]);
    bucket.objects.set("x1_output_0.mp4", 1).set("x2_output_0.mp4", look);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual([`unknown: ${reason}`, "wait: newer-job-undecided"]);
    expect(base.log).not.toContain("updateTargets");
  });

  it("delivers an older file while the newer job has no output yet", async () => {
    const links = { Segments: ["recSegs0000000001"] };
    const { base, bucket } = worldOf([
      combine(1, { age: 30 * MINUTE, links }),
      combine(2, { age: 10 * MINUTE, links }),
    ]);
    bucket.objects.set("x1_output_0.mp4", 1).set("x2_output_0.mp4", "forbidden");
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!", "wait: output-not-visible"]);
  });

  it("writes fifty at a time, ten a request", async () => {
    const jobs = Array.from({ length: 60 }, (_, n) => combine(n));
    const { base, bucket } = worldOf(jobs);
    for (const { externalId } of jobs) bucket.objects.set(`${externalId}_output_0.mp4`, 1);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.summary.recovered).toBe(60);
    const times = (name: string) => base.log.filter((request) => request === name).length;
    expect(["readJobs", "readTargets", "updateTargets", "updateJobs"].map(times)).toEqual([2, 2, 6, 6]);
  });

  it("takes the oldest with --limit, and says that there are more", async () => {
    const jobs = [combine(1, { age: 10 * MINUTE }), combine(2, { age: 30 * MINUTE }), combine(3, { age: 20 * MINUTE })];
    const { base, bucket } = worldOf(jobs);
    for (const { externalId } of jobs) bucket.objects.set(`${externalId}_output_0.mp4`, 1);
    const { report } = await sweep(runOf(base, bucket, { limit: 1 }));
    expect(report.entries.map(({ externalId }) => externalId)).toEqual(["x2"]);
    expect(report.truncated).toBe(true);
  });
});

describe("a sweep that fails", () => {
  it("fails what is past failAfter and answers 404 where a random key does", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!"]);
    expect(base.jobs.get("recJobs0000000001")).toMatchObject({
      status: "failed",
      notes: expect.stringMatching(/^Failed via polling at .*x1_output_0.mp4 → HTTP 404.*run run-1/),
    });
    expect(base.log).toEqual(["list", "readJobs", "updateJobs"]);
  });

  it("leaves a 403 alone where nothing proves that it means missing", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    bucket.missing = "forbidden";
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["unknown: absence-unproven"]);
    expect(base.jobs.get("recJobs0000000001")?.status).toBe("processing");
  });

  it("takes a 403 for missing where an output seen in this sweep answers 200", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR }), combine(2)]);
    bucket.missing = "forbidden";
    bucket.objects.set("x2_output_0.mp4", 1);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!", "recover: output-found!"]);
  });

  it("takes a 403 for missing where the newest completed job's output answers 200", async () => {
    const responsePayload = "{'output_url': 'https://bucket.example/x9_output_0.mp4'}";
    const { base, bucket } = worldOf([
      combine(1, { age: 2 * HOUR }),
      combine(9, { status: "completed", responsePayload }),
    ]);
    bucket.missing = "forbidden";
    bucket.objects.set("x9_output_0.mp4", 1);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!"]);
    bucket.objects.delete("x9_output_0.mp4");
  });

  it.each([
    ["opened before", 0, "skip: changed-meanwhile"],
    ["closed after", 2, "unknown: absence-unproven"],
  ])("takes a 403 for nothing where the bucket is %s the known output was seen", async (_, closedAt, verdict) => {
    const responsePayload = "{'output_url': 'https://bucket.example/x9_output_0.mp4'}";
    const { base, bucket } = worldOf([
      combine(1, { age: 2 * HOUR }),
      combine(9, { status: "completed", responsePayload }),
    ]);
    bucket.missing = "forbidden";
    bucket.objects.set("x1_output_0.mp4", 1).set("x9_output_0.mp4", 1);
    const look = bucket.probe.bind(bucket);
    // The first look is at the job's own output, the second at a random key, the third at the known one.
    bucket.probe = async (url) => {
      const n = bucket.looked.length;
      const sighting = await look(url);
      if (n !== 0 && (closedAt === 0 || n <= closedAt)) return sighting;
      return { result: "unknown", url, detail: "HTTP 403", cause: "forbidden" };
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual([verdict]);
    expect(base.jobs.get("recJobs0000000001")?.status).toBe("processing");
  });

  it("looks for another known output where the first one was cleared away", async () => {
    const completed = (n: number, over: object) =>
      combine(n, {
        status: "completed",
        responsePayload: `{'output_url': 'https://bucket.example/${n}.mp4'}`,
        ...over,
      });
    const { base, bucket } = worldOf([
      combine(1, { age: 2 * HOUR }),
      completed(8, {}),
      completed(9, { type: "concatenate" }),
    ]);
    bucket.missing = "forbidden";
    bucket.objects.set("9.mp4", 1);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!"]);
  });

  it("fails nobody when a random key is answered with trouble", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    bucket.objects.set("x1_output_0.mp4", "missing");
    bucket.missing = "unreachable";
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["unknown: answer-ambiguous"]);
  });

  it("does not fail a job whose output turned up after the listing", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    const clock = runOf(base, bucket).clock;
    const slow = { ...runOf(base, bucket), clock: { ...clock, now: () => slowNow } };
    let slowNow = clock.now();
    const look = bucket.probe.bind(bucket);
    bucket.probe = async (url) => {
      const seen = await look(url);
      if (!url.includes("x1_")) {
        slowNow += 11_000;
        bucket.objects.set("x1_output_0.mp4", 1);
      }
      return seen;
    };
    const { report } = await sweep(slow);
    expect(verdicts(report.entries)).toEqual(["skip: changed-meanwhile"]);
    expect(base.jobs.get("recJobs0000000001")?.status).toBe("processing");
  });

  it("leaves a job alone that changed right before the write", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    base.before = (request) => {
      if (request === "readJobs") base.edit("recJobs0000000001", { status: "completed" });
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["skip: changed-meanwhile"]);
    expect(base.jobs.get("recJobs0000000001")?.status).toBe("completed");
  });

  it("writes one note although the answer was lost", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    let losses = 0;
    base.after = () => (losses++ === 0 ? "lost" : undefined);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!"]);
    expect(base.jobs.get("recJobs0000000001")?.notes.match(/Failed via polling/g)).toHaveLength(1);
  });

  it("tells of a fail whose answer was lost although the storage cannot be seen any more", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    const clock = stillClock();
    base.after = () => {
      clock.at += 11_000;
      bucket.missing = "unreachable";
      return "lost";
    };
    const { report } = await sweep(runOf(base, bucket, { clock }));
    expect(base.jobs.get("recJobs0000000001")?.status).toBe("failed");
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!"]);
  });

  it("looks again where the answer took so long that it may be old, before it fails a job on it", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    const clock = stillClock();
    const look = bucket.probe.bind(bucket);
    bucket.probe = async (url) => {
      if (bucket.looked.length === 0) clock.at += 11_000;
      return await look(url);
    };
    const { report } = await sweep(runOf(base, bucket, { clock }));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!"]);
    expect(bucket.looked.filter((name) => name === "x1_output_0.mp4")).toHaveLength(2);
  });

  it("fails nobody while the clocks are more than five minutes apart", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    base.skewMs = 6 * MINUTE;
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["unknown: clock-skew"]);
  });

  it("lists again by Airtable's time where this machine's is far off, and dates its notes by it", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.skewMs = 2 * HOUR;
    const warnings: string[] = [];
    const observer = { listed() {}, probed() {}, async jobDone() {}, warn: (text: string) => void warnings.push(text) };
    const { report } = await sweep(runOf(base, bucket, { observer }));
    expect(report.entries.map(({ age }) => age)).toEqual([2 * HOUR + 10 * MINUTE]);
    expect(base.asked.map(({ before }) => before)).toEqual([NOW - 5 * MINUTE, NOW + 2 * HOUR - 5 * MINUTE]);
    const noted = new Date(NOW + 2 * HOUR).toISOString();
    expect(base.jobs.get("recJobs0000000001")?.notes).toContain(`Completed via polling at ${noted}`);
    expect(warnings).toEqual([expect.stringContaining("7200 s behind Airtable's")]);
  });

  it("fails a job with an output never, and says that it has one", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 48 * HOUR })]);
    bucket.objects.set("x1_output_0.mp4", 1);
    const run = runOf(base, bucket, { command: "fail-old", policy: { ...POLICY, mode: "fail" } });
    const { report } = await sweep(run);
    expect(verdicts(report.entries)).toEqual(["skip: output-exists"]);
    expect(base.log).toEqual(["list"]);
  });
});

describe("the safety brake", () => {
  const herd = (count: number) => Array.from({ length: count }, (_, n) => combine(n, { age: 2 * HOUR }));

  it("lets five go without further proof", async () => {
    const { base, bucket } = worldOf(herd(5));
    const { report } = await sweep(runOf(base, bucket));
    expect([report.summary.failed, report.brake]).toEqual([5, null]);
  });

  it("holds six back when no output of the operation was ever seen", async () => {
    const { base, bucket } = worldOf(herd(6));
    const { report } = await sweep(runOf(base, bucket));
    expect(report.summary).toMatchObject({ failed: 0, unknown: 6 });
    expect(report.brake).toMatchObject([{ operation: "combine", stuck: 6, wouldFail: 6, limit: 5 }]);
    expect(base.log).not.toContain("updateJobs");
  });

  it.each([
    ["recover", {}],
    ["recover without late outputs", { lateOutputs: false }],
    ["fail-old", { command: "fail-old", policy: { ...POLICY, mode: "fail" } }],
  ] as const)("counts what was failed before: a herd does not go in fives, by %s", async (_, over) => {
    const { base, bucket } = worldOf(herd(4));
    await sweep(runOf(base, bucket, over));
    for (const each of [4, 5, 6, 7].map((n) => combine(n, { age: 2 * HOUR }))) base.jobs.set(each.id, each);
    const { report } = await sweep(runOf(base, bucket, { ...over, signature: { runId: "run-2", version: "0.0.0" } }));
    expect(report.summary).toMatchObject({ failed: 0, unknown: 4 });
    expect(report.brake).toMatchObject([{ wouldFail: 4, failedBefore: 4, limit: 5 }]);
  });

  it("lets a herd go when an output of the operation was found in this sweep", async () => {
    const { base, bucket } = worldOf([...herd(6), combine(9)]);
    bucket.objects.set("x9_output_0.mp4", 1);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.summary).toMatchObject({ failed: 6, recovered: 1 });
  });

  it("is not impressed by a recorded output of another name: the pattern may be what is wrong", async () => {
    const responsePayload = JSON.stringify({ output_url: "https://bucket.example/renamed-x9.mp4" });
    const { base, bucket } = worldOf([...herd(6), combine(9, { status: "completed", responsePayload })]);
    bucket.objects.set("renamed-x9.mp4", 1);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.summary).toMatchObject({ failed: 0, unknown: 6 });
  });

  it("holds back a herd of 403s that calibration could not explain, and recovers the rest", async () => {
    const links = { "Related Video": ["recVideo000000001"] };
    const music = job({ id: "recJobsMusic00001", externalId: "m", type: "concatenate", links });
    const { base, bucket } = worldOf([...herd(6), music]);
    base.target("Videos", "recVideo000000001");
    bucket.missing = "forbidden";
    bucket.objects.set("m.mp4", 1);
    const look = bucket.probe.bind(bucket);
    let looks = 0;
    bucket.probe = async (url) =>
      url.endsWith("/m.mp4") && looks++ > 0 ? await look("https://x.example/none") : await look(url);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.summary).toMatchObject({ failed: 0, unknown: 6, recovered: 1 });
    expect(report.brake).toMatchObject([{ reason: "calibration-failed" }]);
  });

  it("lets a herd go with --force, but not what is unknown", async () => {
    const { base, bucket } = worldOf(herd(6));
    bucket.objects.set("x0_output_0.mp4", "unreachable");
    const { report } = await sweep(runOf(base, bucket, { force: true }));
    expect(report.summary).toMatchObject({ failed: 5, unknown: 1 });
  });

  it("fails at most maxFails in a run, whatever the proof", async () => {
    const { base, bucket } = worldOf([...herd(8), combine(9)]);
    bucket.objects.set("x9_output_0.mp4", 1);
    const { report } = await sweep(runOf(base, bucket, { brake: { minimum: 5, share: 0.2, maxFails: 7 } }));
    expect(report.summary).toMatchObject({ failed: 7, waiting: 1 });
    expect(report.truncated).toBe(true);
  });
});

describe("a dry run and a scan", () => {
  const world = () => {
    const links = { Segments: ["recSegs0000000001"] };
    const made = worldOf([
      combine(1, { age: 30 * MINUTE, links }),
      combine(2, { links }),
      combine(3, { age: 2 * HOUR }),
      combine(4),
      combine(5, { externalId: null }),
      combine(6, { age: 30 * HOUR }),
      combine(7),
    ]);
    for (const n of [1, 2, 7]) made.bucket.objects.set(`x${n}_output_0.mp4`, n);
    made.base.target("Segments", "recSegs0000000007", { [FIELD]: [{ url: "https://bucket.example/other.mp4" }] });
    return made;
  };

  it("says in a dry run exactly what recover then does", async () => {
    const planned = world();
    const done = world();
    const [plan, act] = [
      await sweep(runOf(planned.base, planned.bucket, { dryRun: true })),
      await sweep(runOf(done.base, done.bucket)),
    ];
    const withoutApplied = (entries: typeof plan.report.entries) => entries.map(({ applied: _, ...entry }) => entry);
    expect(withoutApplied(plan.report.entries)).toEqual(withoutApplied(act.report.entries));
    expect(plan.report.summary).toEqual(act.report.summary);
    expect(act.report.summary).toEqual({
      stuck: 7,
      recovered: 2,
      failed: 1,
      waiting: 1,
      skipped: 3,
      unknown: 0,
      errors: 0,
    });
  });

  it.each([{ dryRun: true }, { command: "scan" }] as const)("writes nothing with %o", async (over) => {
    const { base, bucket } = world();
    await sweep(runOf(base, bucket, over));
    expect(base.log.filter((request) => request.startsWith("update"))).toEqual([]);
  });

  it("finds nothing more to do in the sweep after a sweep", async () => {
    const { base, bucket } = world();
    await sweep(runOf(base, bucket));
    const { report } = await sweep(runOf(base, bucket));
    expect([report.summary.recovered, report.summary.failed]).toEqual([0, 0]);
  });
});

describe("jobs and targets that are read at once", () => {
  it("are read again where the one answer is old when the other comes", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    const clock = stillClock();
    const readJobs = base.readJobs.bind(base);
    base.readJobs = async (ids) => {
      if (base.log.filter((request) => request === "readJobs").length > 0) return await readJobs(ids);
      const jobs = await readJobs(ids);
      await new Promise(setImmediate);
      clock.at += 6_000;
      return jobs;
    };
    const { report } = await sweep(runOf(base, bucket, { clock }));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!"]);
    expect(base.log.filter((request) => request === "readTargets")).toHaveLength(2);
    expect(base.log.slice(-4)).toEqual(["readJobs", "readTargets", "updateTargets", "updateJobs"]);
  });

  it("tell of a job that was changed, even where the table of its target is refused", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.readTargets = async () => {
      base.edit("recJobs0000000001", { status: "completed" });
      throw new TableRefused("Segments", new UpstreamError("config", "no such table"));
    };
    const readJobs = base.readJobs.bind(base);
    base.readJobs = async (ids) => {
      await new Promise(setImmediate);
      return await readJobs(ids);
    };
    const { report, fault } = await sweep(runOf(base, bucket));
    expect([verdicts(report.entries), fault]).toEqual([["skip: changed-meanwhile"], null]);
  });
});

describe("a storage that hangs", () => {
  /** A bucket whose named files never answer; the others do at once. */
  function hanging(bucket: FakeBucket, names: readonly string[]) {
    const probe = bucket.probe.bind(bucket);
    return Object.assign(bucket, {
      probe: (url: string, signal?: AbortSignal) =>
        names.some((name) => url.endsWith(name))
          ? new Promise<never>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)))
          : probe(url),
    });
  }

  it("does not hold up what was found elsewhere", async () => {
    const { base, bucket } = worldOf([combine(1), combine(2)]);
    bucket.objects.set("x2_output_0.mp4", 1);
    const [start, reads] = [new AbortController(), new AbortController()];
    const never = new AbortController().signal;
    base.after = (request) => {
      // The other job is done by now, although the first still hangs: the deadline may come.
      if (request === "updateJobs") setImmediate(() => reads.abort(new Error("the deadline")));
      return undefined;
    };
    const limits = { listing: never, start: start.signal, reads: reads.signal, writes: never };
    const { report } = await sweep(runOf(base, hanging(bucket, ["x1_output_0.mp4"]), { limits }));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!", "unknown: storage-unreachable"]);
  });
});

describe("a limit", () => {
  it("is not used up by jobs that polling has failed before", async () => {
    const failed = [1, 2, 3].map((n) =>
      combine(n, {
        status: "failed",
        age: 3 * HOUR,
        notes: "Failed via polling at 2026-03-01T11:50:00.000Z: no output",
      }),
    );
    const { base, bucket } = worldOf([...failed, combine(4), combine(5)]);
    bucket.objects.set("x4_output_0.mp4", 1);
    const { report } = await sweep(runOf(base, bucket, { limit: 2 }));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!", "wait: output-pending"]);
    expect(report.truncated).toBe(false);
  });
});
