import { describe, expect, it } from "vitest";
import { UpstreamError } from "../../../src/core/ports/errors.ts";
import { sweep } from "../../../src/core/sweep/sweep.ts";
import { buildChangeSets } from "../../../src/core/undo/change-sets.ts";
import { type UndoContext, undo as undoChangeSets } from "../../../src/core/undo/undo.ts";
import { COMBINE, CONCATENATE, HOUR, job, MINUTE, POLICY, SEGMENT } from "../../support/builders.ts";
import { FakeBase, FakeBucket, runOf, stillClock } from "../../support/fakes.ts";
import { MemoryJournal } from "../../support/journal.ts";
import { addControl } from "../../support/sweep-world.ts";

const JOB = "recJob00000000001";
const EXTERNAL = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11";
const FILE = `${EXTERNAL}_output_0.mp4`;
const FIELD = "Voiceover + Video";

function world(
  jobs = [job({ notes: "by the app" })],
  fields: Parameters<FakeBase["target"]>[2] = { Status: "waiting" },
) {
  const [base, bucket, journal] = [new FakeBase(jobs), new FakeBucket(), new MemoryJournal()];
  base.target("Segments", SEGMENT, fields);
  addControl({ base, bucket });
  bucket.objects.set(FILE, 1000);
  const clock = stillClock();
  const run = (over: Parameters<typeof runOf>[2] = {}) => runOf(base, bucket, { journal, clock, ...over });
  return {
    base,
    bucket,
    journal,
    clock,
    run,
    segment: () => base.targets.get("Segments")?.get(SEGMENT)?.fields,
    recover: () => sweep(run()),
    async undo(
      over: Parameters<typeof runOf>[2] & Partial<Pick<UndoContext, "absent">> = {},
      only: string | null = null,
    ) {
      const given = run({ signature: { runId: "undo-1", version: "0.0.0" }, ...over });
      const { records, fault } = await undoChangeSets(buildChangeSets(journal.past(), "run-1", only), {
        ...given,
        redact: (text) => text,
        absent: over.absent ?? NOTHING_ABSENT,
      });
      return { fault, results: records.map(({ id, outcome, detail }) => [id, outcome, detail]), records };
    },
  };
}

/** A base with all fields. */
const NOTHING_ABSENT: UndoContext["absent"] = new Set();

describe("undo", () => {
  it("undo restores a recovered job and its target to what they were, except the notes", async () => {
    const { base, recover, undo, segment, journal } = world();
    const before = base.jobs.get(JOB);
    await recover();
    expect(base.jobs.get(JOB)?.status).toBe("completed");
    const { results } = await undo();
    expect(results.map(([id, outcome]) => [id, outcome])).toEqual([
      [JOB, "restored"],
      [SEGMENT, "restored"],
    ]);
    const after = base.jobs.get(JOB);
    expect({ ...after, notes: "", error: null }).toEqual({ ...before, notes: "", error: null });
    expect(after?.notes.split("\n").map((line) => line.slice(0, 20))).toEqual([
      "by the app",
      "Completed via pollin",
      "Undone by stuck-jobs",
    ]);
    expect(segment()).toEqual({ Status: "waiting", [FIELD]: [] });
    expect(journal.past().filter(({ undoes }) => undoes === "run-1")).toHaveLength(2);
  });

  it("undo restores both fields where two operations delivered to one record, and reports each", async () => {
    const other = { ...COMBINE, name: "zoom", types: ["zoom"], attachment: "Video", set: {} };
    const zoom: typeof COMBINE = { ...other, deliver: { field: "Video", as: "attachment" } };
    const second = job({ id: "recJob00000000002", externalId: "z2", type: "zoom" });
    const { base, bucket, run, undo, segment } = world([job(), second], {});
    bucket.objects.set("z2_output_0.mp4", 7);
    const policy = { ...POLICY, operations: [{ ...COMBINE, set: {} }, zoom] };
    await sweep(run({ policy }));
    expect(segment()).toMatchObject({ [FIELD]: [{ url: expect.any(String) }], Video: [{ url: expect.any(String) }] });
    const { records } = await undo({ policy });
    const targets = records.filter(({ role }) => role === "target");
    expect(targets.map(({ outcome, detail }) => `${outcome} ${detail}`).toSorted()).toEqual([
      "restored Video",
      `restored ${FIELD}`,
    ]);
    expect(segment()).toEqual({ [FIELD]: [], Video: [] });
    expect([...base.jobs.values()].map(({ status }) => status)).toEqual(["processing", "processing"]);
  });

  it("undo writes the jobs before their targets", async () => {
    const { base, recover, undo } = world();
    await recover();
    base.log.length = 0;
    await undo();
    expect(base.log).toEqual(["readJobs", "readTargets", "updateJobs", "updateTargets"]);
  });

  it("undo --dry-run writes nothing and reports what undo would restore", async () => {
    const { base, recover, undo } = world();
    await recover();
    base.log.length = 0;
    const { records } = await undo({ dryRun: true });
    expect(records.map(({ outcome, fields }) => [outcome, Object.keys(fields)])).toEqual([
      ["restored", ["status", "responsePayload"]],
      ["restored", [FIELD, "Status"]],
    ]);
    expect(base.log).toEqual(["readJobs", "readTargets"]);
  });

  it("undo leaves a job alone that someone else has completed since, and its file", async () => {
    const { base, recover, undo, segment } = world();
    await recover();
    base.edit(JOB, { responsePayload: "{'output_url': 'theirs'}" });
    const { results } = await undo();
    expect(results).toEqual([
      [JOB, "changed-since", "it is completed, and was written since"],
      [SEGMENT, "cannot", `${JOB} is completed, and its file is here`],
    ]);
    expect(segment()?.[FIELD]).toHaveLength(1);
  });

  it("undo keeps the file of a job that someone has moved on since, and takes it from one that was started again", async () => {
    for (const [status, kept] of [
      ["archived", 1],
      ["processing", 0],
    ] as const) {
      const { base, recover, undo, segment } = world();
      await recover();
      base.edit(JOB, { status, responsePayload: "{'output_url': 'theirs'}" });
      const { results } = await undo();
      expect(results[0]).toEqual([JOB, "changed-since", `it is ${status}, and was written since`]);
      expect(segment()?.[FIELD] ?? []).toHaveLength(kept);
    }
  });

  it("undo works by the journal where neither notes nor response payload can name the run", async () => {
    const { base, recover, undo, segment } = world();
    await recover();
    const absent = new Set(["notes", "responsePayload", "error"] as const);
    base.edit(JOB, { notes: "", responsePayload: "", error: null });
    const { results } = await undo({ absent });
    expect(results.map(([, outcome]) => outcome)).toEqual(["restored", "restored"]);
    expect([base.jobs.get(JOB)?.status, segment()?.[FIELD]]).toEqual(["processing", []]);
    expect(base.jobs.get(JOB)?.notes).toBe("");
  });

  it("undo leaves a job alone that nothing can name the run in, and that another run has written since", async () => {
    const { base, recover, undo, journal, run } = world();
    await recover();
    const absent = new Set(["notes", "responsePayload", "error"] as const);
    base.edit(JOB, { notes: "", responsePayload: "", error: null });
    await undo({ absent });
    await sweep(run({ journal, signature: { runId: "run-2", version: "0.0.0" } }));
    base.edit(JOB, { notes: "", responsePayload: "", error: null });
    const { results } = await undo({ absent });
    expect(results[0]).toEqual([JOB, "changed-since", "it is completed, and was written since"]);
    expect(base.jobs.get(JOB)?.status).toBe("completed");
  });

  it("undo restores a job that nothing can name the run in after an undo that had to be withdrawn", async () => {
    const { base, recover, undo } = world();
    await recover();
    const absent = new Set(["notes", "responsePayload", "error"] as const);
    base.edit(JOB, { notes: "", responsePayload: "", error: null });
    base.refused.add(SEGMENT);
    await undo({ absent });
    expect(base.jobs.get(JOB)?.status).toBe("completed");
    base.refused.clear();
    const { results } = await undo({ absent, signature: { runId: "undo-2", version: "0.0.0" } });
    expect(results.map(([, outcome]) => outcome)).toEqual(["restored", "restored"]);
    expect(base.jobs.get(JOB)?.status).toBe("processing");
  });

  it("undo restores a job that nothing can name the run in after an undo that was killed before it wrote", async () => {
    const { base, recover, undo, journal } = world();
    await recover();
    const absent = new Set(["notes", "responsePayload", "error"] as const);
    base.edit(JOB, { notes: "", responsePayload: "", error: null });
    const announced = {
      job: { id: JOB, externalId: EXTERNAL, operation: null, since: null, age: null },
      target: null,
      fields: { status: { before: "completed", after: "processing" } },
      note: null,
      reason: "undone",
      detail: "",
      supersededBy: null,
      evidence: { probes: [], provider: null, calibration: null },
      undoes: "run-1",
    } as const;
    await journal.recordIntent([announced], { runId: "undo-killed", command: "undo" });
    expect((await undo({ absent })).records.map(({ outcome }) => outcome)).toEqual(["restored", "restored"]);
    expect(base.jobs.get(JOB)?.status).toBe("processing");
  });

  it("undo takes a file away that a later run has delivered again", async () => {
    const { base, run, recover, undo, segment } = world();
    await recover();
    base.files(SEGMENT, []);
    const { report } = await sweep(run({ signature: { runId: "run-2", version: "0.0.0" } }));
    expect(report.entries.map(({ verdict }) => verdict.reason)).toEqual(["delivery-retried"]);
    const { results } = await undo();
    expect(results.map(([, outcome]) => outcome)).toEqual(["restored", "restored"]);
    expect(segment()?.[FIELD]).toEqual([]);
  });

  it("undo restores neither job nor target where a later run delivered the file again, and the first had replaced another", async () => {
    const { base, run, recover, undo } = world();
    base.files(SEGMENT, [{ id: "att1", filename: FILE, url: "u", size: 3 }]);
    base.target("Segments", SEGMENT, { [FIELD]: [{ url: `https://old/${FILE}` }] });
    await recover();
    base.files(SEGMENT, []);
    const { report } = await sweep(run({ signature: { runId: "run-2", version: "0.0.0" } }));
    expect(report.entries.map(({ verdict }) => verdict.reason)).toEqual(["delivery-retried"]);
    const { results } = await undo();
    expect(results).toEqual([
      [JOB, "cannot", `its target ${SEGMENT} cannot be restored`],
      [SEGMENT, "cannot", `${FIELD} held ${FILE}, which Airtable has dropped: attach it by hand`],
    ]);
    expect(base.jobs.get(JOB)?.status).toBe("completed");
  });

  it("undo leaves a file alone that someone else has put in the place of ours", async () => {
    const { base, recover, undo } = world();
    await recover();
    base.files(SEGMENT, [{ id: "att9", filename: "theirs.mp4", url: "u", size: 5 }]);
    const { results } = await undo();
    expect(results).toEqual([
      [JOB, "changed-since", `${SEGMENT} is not as the run left it: ${FIELD} was written since`],
      [SEGMENT, "changed-since", `${FIELD} was written since`],
    ]);
    expect(base.jobs.get(JOB)?.status).toBe("completed");
  });

  it("undo restores neither job nor target where the target held a file that Airtable has dropped", async () => {
    const { base, recover, undo } = world();
    base.files(SEGMENT, [{ id: "att1", filename: FILE, url: "u", size: 3 }]);
    base.target("Segments", SEGMENT, { [FIELD]: [{ url: `https://old/${FILE}` }] });
    await recover();
    base.files(SEGMENT, [{ id: "attGiven1", filename: FILE, url: "u", size: 1000 }]);
    const { results } = await undo();
    expect(results).toEqual([
      [JOB, "cannot", `its target ${SEGMENT} cannot be restored`],
      [SEGMENT, "cannot", `${FIELD} held ${FILE}, which Airtable has dropped: attach it by hand`],
    ]);
    expect(base.jobs.get(JOB)?.status).toBe("completed");
  });

  it("undo writes files that were there before by their ids", async () => {
    const { base, run, undo, segment } = world(undefined, { [FIELD]: [{ url: "https://old/mine.mp4" }] });
    base.files(SEGMENT, [{ id: "att1", filename: "mine.mp4", url: "u", size: 3 }]);
    const operations = [{ ...COMBINE, onExisting: "append" as const }, CONCATENATE];
    await sweep(run({ policy: { ...POLICY, operations } }));
    base.files(SEGMENT, [
      { id: "att1", filename: "mine.mp4", url: "u", size: 3 },
      { id: "attGiven1", filename: FILE, url: "u", size: 1000 },
    ]);
    const { results } = await undo();
    expect(results.map(([, outcome]) => outcome)).toEqual(["restored", "restored"]);
    expect(segment()?.[FIELD]).toEqual([{ id: "att1" }]);
  });

  it("undo restores the target of a run that was killed before it wrote the job", async () => {
    const { base, recover, undo, segment } = world();
    base.before = (request) => {
      if (request === "updateJobs") throw new Error("killed");
    };
    await expect(recover()).rejects.toThrow("killed");
    base.before = () => undefined;
    expect(base.jobs.get(JOB)?.status).toBe("processing");
    const { results } = await undo();
    expect(results).toEqual([
      [JOB, "as-it-was", "it is processing, as the run had found it"],
      [SEGMENT, "restored", `${FIELD}, Status`],
    ]);
    expect(segment()?.[FIELD]).toEqual([]);
  });

  it("undo keeps the file of a run that was killed, where another run has completed the job since", async () => {
    const { base, recover, undo, run, segment } = world();
    base.before = (request) => {
      if (request === "updateJobs") throw new UpstreamError("unavailable", "killed");
    };
    await recover();
    base.before = () => undefined;
    await sweep(run({ signature: { runId: "run-2", version: "0.0.0" } }));
    expect(base.jobs.get(JOB)?.status).toBe("completed");
    const { results } = await undo();
    expect(results.at(-1)).toEqual([SEGMENT, "cannot", `${JOB} is completed, and its file is here`]);
    expect(segment()?.[FIELD]).toHaveLength(1);
  });

  it("undo finds out by reading whether a write was carried out whose answer was lost", async () => {
    const { base, recover, undo } = world();
    await recover();
    let lost = 0;
    base.after = (request) => (request === "updateJobs" && lost++ === 0 ? "lost" : undefined);
    const { records } = await undo();
    expect(records.map(({ outcome }) => outcome)).toEqual(["restored", "restored"]);
    expect(base.jobs.get(JOB)?.notes.match(/Undone by/g)).toHaveLength(1);
  });

  it("undo leaves the target alone where the base refuses the job", async () => {
    const { base, recover, undo, segment } = world();
    await recover();
    base.refused.add(JOB);
    const { results } = await undo();
    expect(results).toEqual([
      [JOB, "cannot", "HTTP 422"],
      [SEGMENT, "cannot", `${JOB} could not be restored`],
    ]);
    expect(segment()?.[FIELD]).toHaveLength(1);
  });

  it("undo leaves the job completed where the base refuses to restore its target", async () => {
    const { base, recover, undo, segment } = world();
    await recover();
    const before = base.jobs.get(JOB);
    base.refused.add(SEGMENT);
    const { results } = await undo();
    expect(results).toEqual([
      [JOB, "cannot", "its target could not be restored"],
      [SEGMENT, "cannot", "HTTP 422"],
    ]);
    expect(segment()?.[FIELD]).toHaveLength(1);
    expect(base.jobs.get(JOB)).toEqual(before);
    base.refused.clear();
    expect((await undo()).records.map(({ outcome }) => outcome)).toEqual(["restored", "restored"]);
  });

  it("undo leaves a job that a person changed while the base refused its target", async () => {
    const { base, recover, undo } = world();
    await recover();
    base.refused.add(SEGMENT);
    base.before = (request) => {
      const job = base.jobs.get(JOB);
      if (request === "updateTargets" && job !== undefined) base.jobs.set(JOB, { ...job, status: "on hold" });
    };
    const { results } = await undo();
    expect(results[0]).toEqual([
      JOB,
      "cannot",
      "its target could not be restored; the job is restored, beside its file",
    ]);
    expect(base.jobs.get(JOB)?.status).toBe("on hold");
  });

  it("undo restores the rest when an undo that was killed is run again", async () => {
    const { base, recover, undo, segment } = world();
    await recover();
    base.before = (request) => {
      if (request === "updateTargets") throw new UpstreamError("unavailable", "killed");
    };
    expect((await undo()).fault?.message).toBe("killed");
    base.before = () => undefined;
    const { results } = await undo({ signature: { runId: "undo-2", version: "0.0.0" } });
    expect(results.map(([, outcome]) => outcome)).toEqual(["as-it-was", "restored"]);
    expect(segment()?.[FIELD]).toEqual([]);
  });

  it("undo restores with a job those that were closed after it", async () => {
    const older = job({ id: "recJob00000000002", externalId: "older", age: 20 * MINUTE });
    const { bucket, recover, undo } = world([job(), older]);
    bucket.objects.set("older_output_0.mp4", 5);
    await recover();
    const { results } = await undo({}, JOB);
    expect(results.map(([id, outcome]) => [id, outcome])).toEqual([
      [JOB, "restored"],
      ["recJob00000000002", "restored"],
      [SEGMENT, "restored"],
    ]);
  });

  it("undo restores neither job nor file where someone else has completed a job since that was closed after it", async () => {
    const older = job({ id: "recJob00000000002", externalId: "older", age: 20 * MINUTE });
    const { base, bucket, recover, undo, segment } = world([job(), older]);
    bucket.objects.set("older_output_0.mp4", 5);
    await recover();
    base.edit("recJob00000000002", { responsePayload: "{'output_url': 'theirs'}" });
    const { results } = await undo();
    expect(results).toEqual([
      [JOB, "cannot", "recJob00000000002 is completed, and its file stays"],
      ["recJob00000000002", "changed-since", "it is completed, and was written since"],
      [SEGMENT, "cannot", "recJob00000000002 is completed, and its file is here"],
    ]);
    expect([base.jobs.get(JOB)?.status, segment()?.Status]).toEqual(["completed", "combined"]);
  });

  it("undo keeps a file that a job of another run depends on, until that run is undone", async () => {
    const older = job({ id: "recJob00000000002", externalId: "older", age: 20 * MINUTE });
    const { base, bucket, recover, undo, run, journal, segment } = world([job(), older]);
    await recover();
    bucket.objects.set("older_output_0.mp4", 5);
    await sweep(run({ signature: { runId: "run-2", version: "0.0.0" } }));
    expect(base.jobs.get(older.id)?.status).toBe("completed");

    const detail = `${older.id} is completed and depends on this file: undo run run-2 first`;
    expect((await undo({ dryRun: true })).results).toEqual([
      [JOB, "cannot", detail],
      [SEGMENT, "cannot", detail],
    ]);
    expect((await undo()).results).toEqual([
      [JOB, "cannot", detail],
      [SEGMENT, "cannot", detail],
    ]);
    expect([base.jobs.get(JOB)?.status, segment()?.[FIELD]]).toMatchObject(["completed", [{}]]);

    const second = {
      ...run({ signature: { runId: "undo-2", version: "0.0.0" } }),
      redact: (text: string) => text,
      absent: NOTHING_ABSENT,
    };
    await undoChangeSets(buildChangeSets(journal.past(), "run-2", null), second);
    expect(base.jobs.get(older.id)?.status).toBe("processing");
    const third = await undo({ signature: { runId: "undo-3", version: "0.0.0" } });
    expect(third.results.map(([, outcome]) => outcome)).toEqual(["restored", "restored"]);
    expect(segment()?.[FIELD]).toEqual([]);
  });

  it("undo finds out by reading whether the last of four writes was carried out", async () => {
    const { base, recover, undo } = world();
    await recover();
    const before = base.jobs.get(JOB);
    let writes = 0;
    base.after = (request) => {
      if (request !== "updateJobs") return undefined;
      writes += 1;
      // The first three never reached the base.
      if (writes < 4 && before !== undefined) base.edit(before.id, before);
      return "lost";
    };
    const { results } = await undo();
    expect([writes, results[0]]).toEqual([4, [JOB, "restored", "completed → processing"]]);
  });

  it("undo restores a failed job to processing, where it is not failed again at once", async () => {
    const { base, bucket, clock, journal, run, undo } = world([job({ age: 2 * HOUR, error: "" })]);
    bucket.objects.delete(FILE);
    await sweep(run());
    expect(base.jobs.get(JOB)?.status).toBe("failed");
    const { results } = await undo();
    expect(results).toEqual([[JOB, "restored", "failed → processing"]]);
    expect(base.jobs.get(JOB)).toMatchObject({ status: "processing", error: "", responsePayload: "" });
    clock.at += 30 * MINUTE;
    await sweep(run({ journal, signature: { runId: "run-2", version: "0.0.0" } }));
    expect(base.jobs.get(JOB)?.status).toBe("processing");
    clock.at += 31 * MINUTE;
    await sweep(run({ journal, signature: { runId: "run-3", version: "0.0.0" } }));
    expect(base.jobs.get(JOB)?.status).toBe("failed");
  });

  it("undo of a late recovery leaves the job failed, and no sweep recovers it again", async () => {
    const { base, bucket, run, undo, segment } = world([job({ age: 2 * HOUR, error: "" })]);
    bucket.objects.delete(FILE);
    await sweep(run({ signature: { runId: "run-0", version: "0.0.0" } }));
    const failed = base.jobs.get(JOB);
    bucket.objects.set(FILE, 1000);
    await sweep(run());
    expect(base.jobs.get(JOB)?.status).toBe("completed");
    await undo();
    expect(base.jobs.get(JOB)).toMatchObject({ status: "failed", error: failed?.error });
    const { report } = await sweep(run({ signature: { runId: "run-2", version: "0.0.0" } }));
    expect(report.entries).toEqual([]);
    expect(segment()?.[FIELD]).toEqual([]);
  });

  it("undo does not write back a value that the journal holds without its secrets", async () => {
    const { base, journal, run } = world([job({ error: "see https://b/?token=s3cret" })]);
    await sweep(run());
    const redact = (text: string) => text.replaceAll("s3cret", "[redacted]");
    const past = journal.past().map((write) => ({
      ...write,
      fields: JSON.parse(redact(JSON.stringify({ ...write.fields, error: { before: "see s3cret", after: null } }))),
    }));
    base.edit(JOB, { error: "" });
    const { records } = await undoChangeSets(
      buildChangeSets(
        past.filter(({ role }) => role === "job"),
        "run-1",
        null,
      ),
      { ...run(), redact, absent: NOTHING_ABSENT },
    );
    expect(records.map(({ outcome, detail }) => [outcome, detail])).toEqual([
      ["cannot", "the journal holds error without its secrets only"],
    ]);
  });
});
