import { describe, expect, it } from "vitest";
import type { ProbeResult, ProviderAnswer } from "../../../../src/core/domain/evidence.ts";
import type { Provider } from "../../../../src/core/ports/ports.ts";
import type { SweepContext } from "../../../../src/core/sweep/context.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { COMBINE, HOUR, job, MINUTE, NOW, POLICY } from "../../../support/builders.ts";
import { runOf } from "../../../support/fakes.ts";
import { MemoryJournal } from "../../../support/journal.ts";
import { ANSWER } from "../../../support/one-job-world.ts";
import { combine, FIELD, verdicts, worldOf } from "../../../support/sweep-world.ts";

/** Expired jobs without an output. */
const expired = (count: number) => Array.from({ length: count }, (_, n) => combine(n, { age: 2 * HOUR }));

const FAILED: ProviderAnswer = { ...ANSWER, kind: "failed", error: "boom" };

/** A sweep of eight jobs, of which the provider says what `answers` gives for their number. */
function sweepWithProvider(answers: (n: number) => ProviderAnswer) {
  const { base, bucket } = worldOf(Array.from({ length: 8 }, (_, n) => combine(n)));
  return sweep(runOf(base, bucket, providerOf(answers)));
}

function providerOf(answers: (n: number) => ProviderAnswer): Partial<SweepContext> {
  const status = { ask: async (id: string) => answers(Number(id.slice(1))), requests: () => 0 };
  const probe = async (url: string): Promise<ProbeResult> => ({ result: "absent", url, detail: "HTTP 404" });
  const nca: Provider = { url: "https://nca.example", status, probe, requests: () => 0 };
  const policy = { ...POLICY, operations: [{ ...COMBINE, provider: "nca" }] };
  return { policy, providers: new Map([["nca", nca]]) };
}

/** Jobs of `combine`, which never had an output here and may rely on that of a combined video; one of that is due, too. */
function borrowingWorld(count: number) {
  const { base, bucket } = worldOf(expired(count));
  bucket.listing = "open";
  bucket.objects.clear();
  bucket.objects.set("v.mp4", 1);
  base.target("Videos", "recVideo000000001");
  const links = { "Related Video": ["recVideo000000001"] };
  base.known = [job({ id: "recJobsVideo00001", externalId: "v", type: "concatenate", status: "completed", links })];
  const dead = job({ id: "recJobsVideo00002", externalId: "w", type: "concatenate", age: 2 * HOUR, links });
  base.jobs.set(dead.id, dead);
  return { base, bucket, dead };
}

describe("failing", () => {
  it("fails nobody while the clocks are more than five minutes apart", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    base.skewMs = 6 * MINUTE;
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["unknown: clock-skew"]);
  });

  it("fails at most maxFails in a run, whatever the proof", async () => {
    const { base, bucket } = worldOf([...expired(8), combine(9)]);
    bucket.objects.set("x9_output_0.mp4", 1);
    const { report } = await sweep(runOf(base, bucket, { brake: { minimum: 5, maxFails: 7 } }));
    expect(report.summary).toMatchObject({ failed: 7, waiting: 1 });
    expect(report.truncated).toBe(true);
  });

  it("fails none beyond the first maxFails whose target holds its file, where the base contradicts those before it", async () => {
    const { base, bucket } = worldOf([...expired(120), combine(200)]);
    bucket.objects.set("x200_output_0.mp4", 1);
    const contradicted = [0, 1, 2, 55, 110];
    for (const n of contradicted) {
      const file = { url: `https://bucket.example/x${n}_output_0.mp4` };
      base.target("Segments", `recSegs000${String(n).padStart(7, "0")}`, { [FIELD]: [file] });
    }
    const { report } = await sweep(runOf(base, bucket, { brake: { minimum: 5, maxFails: 109 } }));
    const failed = report.entries.filter(({ verdict }) => verdict.kind === "fail").map(({ externalId }) => externalId);
    expect(failed).toHaveLength(109);
    for (const n of contradicted) expect(failed).not.toContain(`x${n}`);
  });
});

describe("the safety brake", () => {
  it("allows failures at any number where an output of the operation is seen", async () => {
    const { base, bucket } = worldOf(expired(12));
    const { report } = await sweep(runOf(base, bucket));
    expect([report.summary.failed, report.brake]).toEqual([12, null]);
  });

  it("fails none of five jobs of whose operation no output is known", async () => {
    const { base, bucket } = worldOf(expired(5));
    base.known = [];
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(Array(5).fill("unknown: absence-unproven"));
    expect(report.brake).toBeNull();
  });

  it("fails nobody where the newest recorded output is elsewhere, although an older one is seen", async () => {
    const { base, bucket } = worldOf([...expired(40), combine(50, { age: 20 * HOUR })]);
    bucket.objects.set("x50_output_0.mp4", 1);
    const responsePayload = '{"output_url": "https://bucket.example/new/n1_output_0.mp4"}';
    base.known = [job({ id: "recKnown000000002", externalId: "n1", status: "completed", age: HOUR, responsePayload })];
    const { report } = await sweep(runOf(base, bucket));
    expect(report.summary).toMatchObject({ failed: 0, unknown: 40, recovered: 1 });
    expect(report.brake).toMatchObject([{ reason: "configuration-suspect", wouldFail: 40 }]);
    expect(report.brake?.[0]?.detail).toContain("https://bucket.example/new/n1_output_0.mp4");
    expect(report.brake?.[0]?.detail).toContain("https://bucket.example/n1_output_0.mp4");
  });

  it("fails nobody where the newest job's own URL field says that its output is elsewhere", async () => {
    const { base, bucket } = worldOf([...expired(3), combine(50, { age: 20 * HOUR })]);
    bucket.objects.set("x50_output_0.mp4", 1);
    const fields = { "Output URL": "https://bucket.example/new/n1_output_0.mp4" };
    const newest = job({ id: "recKnown000000002", externalId: "n1", status: "completed", age: HOUR });
    base.known = [{ ...newest, fields }];
    const deliver = { field: "Output URL", as: "url" } as const;
    const operation = { ...COMBINE, targetKind: "self", attachment: "Output URL", deliver } as const;
    const { report } = await sweep(runOf(base, bucket, { policy: { ...POLICY, operations: [operation] } }));
    expect(report.summary).toMatchObject({ failed: 0, unknown: 3 });
    expect(report.brake).toMatchObject([{ reason: "configuration-suspect", wouldFail: 3 }]);
  });

  it("fails nobody where the newest output is on record elsewhere, and its probe is not answered", async () => {
    const { base, bucket } = worldOf(expired(1));
    const responsePayload = '{"output_url": "https://bucket.example/new/n1_output_0.mp4"}';
    const newer = job({ id: "recKnown000000002", externalId: "n1", status: "completed", age: HOUR, responsePayload });
    base.known = [...base.known, newer];
    bucket.objects.set("n1_output_0.mp4", "unreachable");
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["unknown: absence-unproven"]);
  });

  it("fails nobody where outputs moved, and a newer job was completed without any", async () => {
    const { base, bucket } = worldOf(expired(1));
    const responsePayload = '{"output_url": "https://bucket.example/new/n1_output_0.mp4"}';
    const moved = job({ id: "recKnown000000002", externalId: "n1", status: "completed", age: HOUR, responsePayload });
    const byHand = job({ id: "recKnown000000003", externalId: "n2", status: "completed", age: HOUR / 2 });
    base.known = [...base.known, moved, byHand];
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["unknown: configuration-suspect"]);
  });

  it("fails nobody where the newest output is elsewhere, and the last day has more jobs than are read", async () => {
    const { base, bucket } = worldOf(expired(1));
    const responsePayload = '{"output_url": "https://bucket.example/new/n1_output_0.mp4"}';
    const moved = job({ id: "recKnown000000002", externalId: "n1", status: "completed", age: HOUR, responsePayload });
    base.listCompleted = async (after) => {
      const isWhole = after !== null && after > NOW - 20 * HOUR;
      return { jobs: isWhole ? [moved] : base.known, complete: isWhole };
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["unknown: configuration-suspect"]);
  });

  it("fails nobody where outputs moved, and an older job with an output was opened again since", async () => {
    const notes = `Completed via polling at ${new Date(NOW - HOUR / 2).toISOString()}: found x2_output_0.mp4`;
    const { base, bucket } = worldOf([...expired(2), combine(2, { age: 3 * HOUR, notes })]);
    bucket.objects.set("x2_output_0.mp4", 1);
    const responsePayload = '{"output_url": "https://bucket.example/new/n1_output_0.mp4"}';
    base.known = [job({ id: "recKnown000000002", externalId: "n1", status: "completed", age: HOUR, responsePayload })];
    const { report } = await sweep(runOf(base, bucket));
    expect(report.summary).toMatchObject({ failed: 0, unknown: 2 });
  });

  it("fails nobody where a busy day hides the newest output of the operation", async () => {
    const { base, bucket } = worldOf(expired(1));
    base.listCompleted = async (after) => ({ jobs: base.known, complete: after !== null && after > NOW - 20 * HOUR });
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["unknown: absence-unproven"]);
  });

  it("takes sight over spelling: a recorded address of another form is no contradiction", async () => {
    const { base, bucket } = worldOf(expired(1));
    const responsePayload = '{"output_url": "https://cdn.example/known_output_0.mp4"}';
    base.known = base.known.map((each) => ({ ...each, responsePayload }));
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!"]);
  });

  it("fails nobody where the newest output has another id than its job: outputs may be named by something else", async () => {
    const { base, bucket } = worldOf(expired(2));
    const responsePayload = '{"output_url": "https://bucket.example/known_output_0.mp4"}';
    base.known = base.known.map((each) => ({ ...each, externalId: "changed", responsePayload }));
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(Array(2).fill("unknown: configuration-suspect"));
  });

  it("takes no listed output for one of the operation where another operation's job wrote it", async () => {
    const { base, bucket } = worldOf(expired(7));
    const zoom = { ...COMBINE, name: "image_zoom", types: ["zoom"] };
    base.known = base.known.map((each) => ({ ...each, type: "zoom" }));
    bucket.listing = "open";
    const probe = bucket.probe.bind(bucket);
    bucket.probe = async (...asked) => {
      const found = await probe(...asked);
      if (found.result !== "present") return found;
      return { ...found, output: { ...found.output, lastModified: new Date(NOW - MINUTE).toISOString() } };
    };
    const policy = { ...POLICY, operations: [COMBINE, zoom] };
    const { report } = await sweep(runOf(base, bucket, { policy }));
    expect([report.summary.failed, report.brake?.length]).toEqual([0, 1]);
  });

  it("fails nobody where the bucket has every key", async () => {
    const { base, bucket } = worldOf(expired(3));
    bucket.probe = async (url) => {
      const output = { url, bytes: 32, contentType: "text/plain", etag: null, lastModified: null };
      const isAsked = url.includes("/x");
      if (isAsked) return { result: "absent", url, detail: "HTTP 404" };
      return { result: "present", url, detail: "HTTP 200", output };
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(Array(3).fill("unknown: place-answers-everything"));
  });

  it("holds back six failures when no output of the operation was ever seen", async () => {
    const { base, bucket } = worldOf(expired(6));
    base.known = [];
    const { report } = await sweep(runOf(base, bucket));
    expect(report.summary).toMatchObject({ failed: 0, unknown: 6 });
    expect(report.brake).toMatchObject([{ operation: "combine", stuck: 6, wouldFail: 6, limit: 5 }]);
    expect(base.log).not.toContain("updateJobs");
  });

  it.each([
    ["recover", {}],
    ["recover without late outputs", { lateOutputs: false }],
    ["fail-old", { command: "fail-old", policy: { ...POLICY, mode: "fail" } }],
  ] as const)("counts failures of earlier runs, so that many jobs are not failed in fives, by %s", async (_, over) => {
    const { base, bucket, dead } = borrowingWorld(4);
    await sweep(runOf(base, bucket, over));
    for (const each of [4, 5, 6, 7].map((n) => combine(n, { age: 2 * HOUR }))) base.jobs.set(each.id, each);
    base.jobs.set(dead.id, dead);
    const { report } = await sweep(runOf(base, bucket, { ...over, signature: { runId: "run-2", version: "0.0.0" } }));
    expect(report.summary).toMatchObject({ failed: 2, unknown: 3 });
  });

  it("counts failures of earlier runs by the journal where the base has no notes", async () => {
    const journal = new MemoryJournal();
    journal.now = () => NOW;
    const { base, bucket, dead } = borrowingWorld(4);
    const over = { journal, hasNotes: false };
    const first = await sweep(runOf(base, bucket, over));
    // With the combined video's own, which has a control.
    expect(first.report.summary.failed).toBe(5);
    for (const { id } of [...expired(4), dead]) base.edit(id, { notes: "" });
    for (const each of [4, 5, 6, 7].map((n) => combine(n, { age: 2 * HOUR }))) base.jobs.set(each.id, each);
    base.jobs.set(dead.id, dead);
    const again = { ...over, signature: { runId: "run-2", version: "0.0.0" } };
    const second = await sweep(runOf(base, bucket, again));
    expect(second.report.summary).toMatchObject({ failed: 2, unknown: 3 });
    base.jobs.set(dead.id, dead);
    const third = await sweep(runOf(base, bucket, { ...again, journal: null }));
    expect(third.report.summary).toMatchObject({ failed: 1, unknown: 3 });
  });

  it.each([
    ["counts what earlier groups failed", new MemoryJournal(), [3, 2, 0]],
    ["fails none where nothing remembers them", null, [0, 0, 0]],
  ])("of jobs that only their provider calls failed, named by --job in groups, %s", async (_, journal, expected) => {
    if (journal !== null) journal.now = () => NOW;
    const { base, bucket } = worldOf(Array.from({ length: 8 }, (_, n) => combine(n)));
    bucket.objects.clear();
    const failed: number[] = [];
    for (const group of [["x0", "x1", "x2"], ["x3", "x4"], ["x5"]]) {
      const runId = `run-${group.join("-")}`;
      const over = { named: group, journal, signature: { runId, version: "0.0.0" } };
      const { report } = await sweep(runOf(base, bucket, { ...providerOf(() => FAILED), ...over }));
      failed.push(report.summary.failed);
    }
    expect(failed).toEqual(expected);
  });

  it.each([
    ["is named by --job", { named: ["recJobs0000000000", "recJobs0000000001", "recJobsVideo00002"] }],
    ["cannot be remembered", { hasNotes: false, journal: null }],
  ] as const)("lets no operation rely on another's output where a job %s", async (_, over) => {
    const { base, bucket } = borrowingWorld(2);
    const borrowed = await sweep(runOf(base, bucket, { dryRun: true }));
    expect(borrowed.report.summary).toMatchObject({ failed: 3 });
    const { report } = await sweep(runOf(base, bucket, { dryRun: true, ...over }));
    expect(report.summary).toMatchObject({ failed: 1, unknown: 2 });
  });

  it("allows six failures when an output of the operation was found in this sweep", async () => {
    const { base, bucket } = worldOf([...expired(6), combine(9)]);
    bucket.objects.set("x9_output_0.mp4", 1);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.summary).toMatchObject({ failed: 6, recovered: 1 });
  });

  it("ignores a recorded output of another name, since the pattern may be wrong", async () => {
    const responsePayload = JSON.stringify({ output_url: "https://bucket.example/renamed-x9.mp4" });
    const { base, bucket } = worldOf([...expired(6), combine(9, { status: "completed", responsePayload })]);
    bucket.objects.set("renamed-x9.mp4", 1);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.summary).toMatchObject({ failed: 0, unknown: 6 });
  });

  it("holds back six 403s that calibration could not explain, while the rest is recovered", async () => {
    const links = { "Related Video": ["recVideo000000001"] };
    const music = job({ id: "recJobsMusic00001", externalId: "m", type: "concatenate", links });
    const { base, bucket } = worldOf([...expired(6), music]);
    base.target("Videos", "recVideo000000001");
    base.known = [];
    bucket.missing = "forbidden";
    bucket.objects.set("m.mp4", 1);
    const probe = bucket.probe.bind(bucket);
    let looks = 0;
    bucket.probe = async (url) =>
      url.endsWith("/m.mp4") && looks++ > 0 ? await probe("https://x.example/none") : await probe(url);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.summary).toMatchObject({ failed: 0, unknown: 6, recovered: 1 });
    expect(report.brake).toMatchObject([{ reason: "calibration-failed" }]);
  });

  it("is overridden by --force, which fails nothing that is unknown", async () => {
    const { base, bucket } = worldOf(expired(6));
    bucket.objects.set("x0_output_0.mp4", "unreachable");
    const { report } = await sweep(runOf(base, bucket, { force: true }));
    expect(report.summary).toMatchObject({ failed: 5, unknown: 1 });
  });

  it("holds back a provider that calls every job failed, since it may be read wrongly", async () => {
    const { report } = await sweepWithProvider(() => FAILED);
    expect(report.summary).toMatchObject({ failed: 0, unknown: 8 });
    expect(report.brake?.[0]).toMatchObject({ operation: "combine", wouldFail: 8, reason: "no-positive-control" });
  });

  it("allows the failures of a provider that answers differently for another job", async () => {
    const { report } = await sweepWithProvider((n) => (n === 0 ? { ...ANSWER, kind: "running" } : FAILED));
    expect(report.summary).toMatchObject({ failed: 7, waiting: 1 });
    expect(report.brake).toBe(null);
  });
});
