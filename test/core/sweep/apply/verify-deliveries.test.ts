import { describe, expect, it } from "vitest";
import type { Job } from "../../../../src/core/domain/job.ts";
import { parseNotedFiles } from "../../../../src/core/domain/notes.ts";
import type { Attachment } from "../../../../src/core/ports/ports.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { COMBINE, CONCATENATE, job, MINUTE, NOW, named, POLICY, SEGMENT } from "../../../support/builders.ts";
import { FakeBase, FakeBucket, runOf, stillClock } from "../../../support/fakes.ts";
import { MemoryJournal } from "../../../support/journal.ts";
import { FIELD } from "../../../support/sweep-world.ts";

const ID = "recJob00000000001";
const NEWER = "recJob00000000002";
const NAME = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11_output_0.mp4";

function deliveryWorld(over: Partial<Job> & { age?: number } = {}) {
  const base = new FakeBase([job(over)]);
  base.target("Segments", SEGMENT);
  const bucket = new FakeBucket();
  return { base, bucket };
}

function fileIn(base: FakeBase) {
  return base.targets.get("Segments")?.get(SEGMENT)?.fields[FIELD];
}

/** A sweep that completed the job a while ago, after which Airtable dropped the file, or kept it. */
async function completed(kept: "kept" | "dropped" | "cut short") {
  const { base, bucket } = deliveryWorld();
  bucket.objects.set(NAME, 1000);
  await sweep(runOf(base, bucket));
  expect(base.jobs.get(ID)?.status).toBe("completed");
  const size = { kept: 1000, dropped: 0, "cut short": 400 }[kept];
  base.files(
    SEGMENT,
    kept === "dropped" ? [] : [{ id: "attGiven1", filename: NAME, url: "https://airtable.example/x", size }],
  );
  base.log.length = 0;
  return { base, bucket };
}

describe("a delivery of the last hour", () => {
  it.each(["dropped", "cut short"] as const)("is written once more where Airtable has %s the file", async (kept) => {
    const { base, bucket } = await completed(kept);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toMatchObject([
      { id: ID, verdict: { kind: "recover", reason: "delivery-retried" }, applied: true },
    ]);
    expect(fileIn(base)).toEqual([{ url: `https://bucket.example/${NAME}` }]);
    expect(base.jobs.get(ID)?.status).toBe("completed");
    expect(base.jobs.get(ID)?.notes).toContain("Delivery retried via polling at ");
  });

  it("is left alone where the file is there", async () => {
    const { base, bucket } = await completed("kept");
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toEqual([]);
    expect(base.log).toEqual(["list", "readTargets"]);
  });

  it("is reported once when Airtable drops it a second time", async () => {
    const { base, bucket } = await completed("dropped");
    await sweep(runOf(base, bucket));
    base.files(SEGMENT, []);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toMatchObject([{ id: ID, verdict: { kind: "skip", reason: "delivery-failed" } }]);
    const notes = base.jobs.get(ID)?.notes;
    expect(notes?.split("\n").filter((line) => line.startsWith("Delivery failed via polling at "))).toHaveLength(1);
    const { report: third } = await sweep(runOf(base, bucket));
    expect(third.entries).toEqual([]);
    expect(base.jobs.get(ID)?.notes).toBe(notes);
  });

  it("is reported, and not written, where Airtable dropped it and its output is gone from the bucket", async () => {
    const { base, bucket } = await completed("dropped");
    bucket.objects.clear();
    const before = base.jobs.get(ID);
    const { report } = await sweep(runOf(base, bucket));
    const verdict = { kind: "unknown", reason: "evidence-contradicts", detail: expect.stringContaining("HTTP 404") };
    expect(report.entries).toMatchObject([{ id: ID, verdict, applied: false }]);
    expect(base.jobs.get(ID)).toEqual(before);
    bucket.objects.set(NAME, 1000);
    const { report: later } = await sweep(runOf(base, bucket));
    expect(later.entries).toMatchObject([{ id: ID, verdict: { reason: "delivery-retried" }, applied: true }]);
  });

  it("is not verified after an hour", async () => {
    const { base, bucket } = await completed("dropped");
    const { report } = await sweep(runOf(base, bucket, { clock: stillClock(NOW + 61 * MINUTE) }));
    expect(report.entries).toEqual([]);
  });

  it("is not verified where the webhook completed the job", async () => {
    const { base, bucket } = deliveryWorld({
      status: "completed",
      responsePayload: `{'output_url': 'https://bucket.example/${NAME}'}`,
    });
    bucket.objects.set(NAME, 1000);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toEqual([]);
    expect(fileIn(base)).toBeUndefined();
  });

  it("is not verified where this very sweep wrote a newer job's file to the field", async () => {
    const { base, bucket } = await completed("dropped");
    base.jobs.set(NEWER, job({ id: NEWER, externalId: "newer", age: 6 * MINUTE }));
    bucket.objects.set("newer_output_0.mp4", 1000);
    // Airtable drops that one too, before the sweep verifies what was delivered earlier.
    base.after = (request) => {
      if (request === "updateTargets") base.files(SEGMENT, []);
      return undefined;
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toMatchObject([{ id: NEWER, verdict: { reason: "output-found" }, applied: true }]);
    const { report: next } = await sweep(runOf(base, bucket));
    expect(next.entries).toMatchObject([{ id: NEWER, verdict: { reason: "delivery-retried" }, applied: true }]);
    expect(fileIn(base)).toEqual([{ url: "https://bucket.example/newer_output_0.mp4" }]);
  });

  it("is only reported in a dry run", async () => {
    const { base, bucket } = await completed("dropped");
    const { report } = await sweep(runOf(base, bucket, { dryRun: true }));
    expect(report.entries).toMatchObject([{ verdict: { reason: "delivery-retried" }, applied: false }]);
    expect(base.log.filter((request) => request.startsWith("update"))).toEqual([]);
  });
});

/** What is in the field: our file in another size, or what the test needs, and the others. */
function held(base: FakeBase, over: Partial<Attachment>, ...others: readonly Attachment[]) {
  const ours = { id: "attGiven1", filename: NAME, url: "https://airtable.example/x", size: 400, ...over };
  base.files(SEGMENT, [ours, ...others]);
}

const THEIRS = { id: "attTheirs", filename: "mine.mp4", url: "https://airtable.example/m", size: 5 };

describe("delivering again", () => {
  it("keeps every other file in the cell, and notes the new id", async () => {
    const { base, bucket } = await completed("kept");
    held(base, {}, THEIRS);
    await sweep(runOf(base, bucket));
    expect(fileIn(base)).toEqual([{ url: `https://bucket.example/${NAME}` }, { id: "attTheirs" }]);
    expect(base.jobs.get(ID)?.notes).toMatch(/Delivery retried .* attachment attGiven2/);
  });

  it("leaves a file alone that a person has uploaded under the same name", async () => {
    const { base, bucket } = await completed("kept");
    held(base, { id: "attTrimmed" });
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toEqual([]);
    expect(base.log).not.toContain("updateTargets");
  });

  it("writes all files of an output at once that are there in another size, and notes the id of each", async () => {
    const { base, bucket } = deliveryWorld();
    const outputs = [0, 1, 2].map((n) => ({ ...named(`{externalId}_output_${n}.mp4`), all: true }));
    const names = [0, 1, 2].map((n) => NAME.replace("_0", `_${n}`));
    for (const name of names) bucket.objects.set(name, 1000);
    const policy = { ...POLICY, operations: [{ ...COMBINE, outputs }, CONCATENATE] };
    await sweep(runOf(base, bucket, { policy }));
    const sizes = [400, 1000, 300];
    base.files(
      SEGMENT,
      names.map((filename, n) => ({ id: `attGiven${n + 1}`, filename, url: "u", size: sizes[n] ?? null })),
    );
    const { report } = await sweep(runOf(base, bucket, { policy }));
    expect(report.entries).toMatchObject([{ id: ID, verdict: { reason: "delivery-retried" }, applied: true }]);
    const [first, , third] = names.map((name) => ({ url: `https://bucket.example/${name}` }));
    expect(fileIn(base)).toEqual([first, { id: "attGiven2" }, third]);
    expect(parseNotedFiles(base.jobs.get(ID)?.notes ?? "").map(({ id }) => id)).toEqual([
      "attGiven4",
      "attGiven2",
      "attGiven5",
    ]);
  });

  it("writes an older job's file again that is there in another size beside a newer job's", async () => {
    const { base, bucket } = await completed("kept");
    const policy = { ...POLICY, operations: [{ ...COMBINE, onExisting: "append" as const }, CONCATENATE] };
    base.jobs.set(NEWER, job({ id: NEWER, externalId: "newer", age: 6 * MINUTE }));
    bucket.objects.set("newer_output_0.mp4", 1000);
    await sweep(runOf(base, bucket, { policy }));
    const newer = { id: "attGiven2", filename: "newer_output_0.mp4", url: "https://airtable.example/n", size: 1000 };
    held(base, {}, newer);
    const { report } = await sweep(runOf(base, bucket, { policy }));
    expect(report.entries).toMatchObject([{ id: ID, verdict: { reason: "delivery-retried" }, applied: true }]);
    expect(fileIn(base)).toEqual([{ url: `https://bucket.example/${NAME}` }, { id: "attGiven2" }]);
  });

  it.each([
    ["is left alone where the field is empty, which may have been cleared for a newer job", "dropped", false],
    ["is written once more where Airtable has cut the file short", "cut short", true],
  ] as const)("of a job that has no date any more %s", async (_, kept, isWritten) => {
    const { base, bucket } = await completed(kept);
    base.edit(ID, { since: { kind: "missing" } });
    await sweep(runOf(base, bucket));
    expect(base.asked.flatMap(({ after }) => after ?? []).every(Number.isFinite)).toBe(true);
    expect(base.log.includes("updateTargets")).toBe(isWritten);
  });

  it("of two jobs of the same instant is that of the greater id, where the field is empty", async () => {
    const { base, bucket } = await completed("dropped");
    const written = base.jobs.get(ID);
    if (written === undefined) throw new Error("not completed");
    const responsePayload = written.responsePayload.replaceAll(NAME, "newer_output_0.mp4");
    base.jobs.set(NEWER, { ...written, id: NEWER, externalId: "newer", responsePayload });
    bucket.objects.set("newer_output_0.mp4", 1000);
    await sweep(runOf(base, bucket));
    expect(fileIn(base)).toEqual([{ url: "https://bucket.example/newer_output_0.mp4" }]);
  });

  it("finds out by reading whether it was done, where the answer was lost", async () => {
    const { base, bucket } = await completed("dropped");
    base.after = (request) => {
      if (request !== "updateTargets") return undefined;
      held(base, { id: "attGiven2", size: null });
      return "lost";
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toMatchObject([{ id: ID, verdict: { reason: "delivery-retried" }, applied: true }]);
    expect(base.jobs.get(ID)?.notes).toMatch(/Delivery retried .* attachment attGiven2/);
  });

  it("knows by the journal a file that a run wrote again before it was killed", async () => {
    const { base, bucket } = deliveryWorld();
    const journal = new MemoryJournal();
    journal.now = () => NOW;
    bucket.objects.set(NAME, 1000);
    await sweep(runOf(base, bucket, { journal }));
    const notes = base.jobs.get(ID)?.notes ?? "";
    held(base, {});
    await sweep(runOf(base, bucket, { journal }));
    base.edit(ID, { notes });
    held(base, { id: "attGiven2" });
    const { report } = await sweep(runOf(base, bucket, { journal }));
    expect(report.entries).toMatchObject([{ id: ID, verdict: { reason: "delivery-retried" }, applied: true }]);
    expect(fileIn(base)).toEqual([{ url: `https://bucket.example/${NAME}` }]);
  });

  it.each([
    ["too young to be stuck", { externalId: "newer", age: 2 * MINUTE }],
    ["without an output yet", { externalId: "newer", age: 8 * MINUTE }],
    ["not sent to its worker yet", { externalId: null, status: "pending", age: 2 * MINUTE }],
  ])("leaves a field empty that was cleared for a newer job, which is %s", async (_, over) => {
    const { base, bucket } = await completed("dropped");
    base.jobs.set(NEWER, job({ id: NEWER, ...over }));
    await sweep(runOf(base, bucket));
    expect(base.log).not.toContain("updateTargets");
  });

  it.each([
    ["--operation", { only: ["concatenate"] }],
    ["--job", { named: ["recJob00000000009"] }],
    ["--confirm", { confirm: async () => "no" as const }],
  ])("goes by %s", async (_, over) => {
    const { base, bucket } = await completed("dropped");
    await sweep(runOf(base, bucket, over));
    expect(base.log).not.toContain("updateTargets");
  });

  it("goes by --limit, whose jobs come first", async () => {
    const { base, bucket } = await completed("dropped");
    base.target("Segments", "recSegment0000009");
    const links = { Segments: ["recSegment0000009"] };
    base.jobs.set(NEWER, job({ id: NEWER, externalId: "other", links }));
    await sweep(runOf(base, bucket, { limit: 1 }));
    expect(base.log).not.toContain("updateTargets");
    await sweep(runOf(base, bucket, { limit: 2 }));
    expect(base.log.filter((request) => request === "updateTargets")).toHaveLength(1);
  });

  it("asks once about it with --confirm", async () => {
    const { base, bucket } = await completed("dropped");
    const asked: string[] = [];
    const confirm = async ({ id }: { readonly id: string }) => {
      asked.push(id);
      return "yes" as const;
    };
    await sweep(runOf(base, bucket, { confirm }));
    expect([asked, fileIn(base)]).toEqual([[ID], [{ url: `https://bucket.example/${NAME}` }]]);
  });

  it("works by the notes where the base has no field for the response payload", async () => {
    const { base, bucket } = await completed("dropped");
    base.edit(ID, { responsePayload: "" });
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toMatchObject([{ id: ID, verdict: { reason: "delivery-retried" }, applied: true }]);
    base.files(SEGMENT, []);
    base.edit(ID, { responsePayload: "" });
    const { report: second } = await sweep(runOf(base, bucket));
    expect(second.entries).toMatchObject([{ id: ID, verdict: { reason: "delivery-failed" } }]);
  });

  it("works by the journal where the base has neither notes nor response payload", async () => {
    const { base, bucket } = deliveryWorld();
    const journal = new MemoryJournal();
    journal.now = () => NOW;
    bucket.objects.set(NAME, 1000);
    const run = () => runOf(base, bucket, { journal, hasNotes: false });
    await sweep(run());
    const forget = () => {
      base.edit(ID, { responsePayload: "", notes: "", error: null });
      base.files(SEGMENT, []);
      base.log.length = 0;
    };
    forget();
    const { report } = await sweep(run());
    expect(report.entries).toMatchObject([{ id: ID, verdict: { reason: "delivery-retried" }, applied: true }]);
    expect(base.log).not.toContain("updateJobs");
    forget();
    const { report: second } = await sweep(run());
    expect(second.entries).toMatchObject([{ id: ID, verdict: { reason: "delivery-failed" }, applied: false }]);
    expect(base.log.filter((request) => request.startsWith("update"))).toEqual([]);
  });
});
