import { describe, expect, it } from "vitest";
import { UpstreamError } from "../../../src/core/ports/errors.ts";
import { sweep } from "../../../src/core/sweep/sweep.ts";
import { buildChangeSets } from "../../../src/core/undo/change-sets.ts";
import { undo as undoDeeds } from "../../../src/core/undo/undo.ts";
import { COMBINE, CONCATENATE, HOUR, job, MINUTE, POLICY, SEGMENT } from "../../support/builders.ts";
import { FakeBase, FakeBucket, runOf, stillClock } from "../../support/fakes.ts";
import { MemoryJournal } from "../../support/journal.ts";

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
    async undo(over: Parameters<typeof runOf>[2] = {}, only: string | null = null) {
      const given = run({ signature: { runId: "undo-1", version: "0.0.0" }, ...over });
      const { records, fault } = await undoDeeds(buildChangeSets(journal.past(), "run-1", only), {
        ...given,
        redact: (text) => text,
      });
      return { fault, told: records.map(({ id, outcome, detail }) => [id, outcome, detail]), records };
    },
  };
}

describe("undo", () => {
  it("puts a recovered job and its target back as they were, but for the notes", async () => {
    const { base, recover, undo, segment, journal } = world();
    const before = base.jobs.get(JOB);
    await recover();
    expect(base.jobs.get(JOB)?.status).toBe("completed");
    const { told } = await undo();
    expect(told.map(([id, outcome]) => [id, outcome])).toEqual([
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

  it("writes the jobs before their targets", async () => {
    const { base, recover, undo } = world();
    await recover();
    base.log.length = 0;
    await undo();
    expect(base.log).toEqual(["readJobs", "readTargets", "updateJobs", "updateTargets"]);
  });

  it("writes nothing in a dry run, and tells what it would", async () => {
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

  it("leaves a job that another hand has completed since, and its file with it", async () => {
    const { base, recover, undo, segment } = world();
    await recover();
    base.edit(JOB, { responsePayload: "{'output_url': 'theirs'}" });
    const { told } = await undo();
    expect(told).toEqual([
      [JOB, "not-ours-any-more", "it is completed, and was written since"],
      [SEGMENT, "cannot", `${JOB} stands completed, and its file is here`],
    ]);
    expect(segment()?.[FIELD]).toHaveLength(1);
  });

  it("leaves a file that another hand has put in the place of ours", async () => {
    const { base, recover, undo } = world();
    await recover();
    base.files(SEGMENT, [{ id: "att9", filename: "theirs.mp4", url: "u", size: 5 }]);
    const { told } = await undo();
    expect(told).toEqual([
      [JOB, "restored", "completed → processing"],
      [SEGMENT, "not-ours-any-more", `${FIELD} was written since`],
    ]);
    expect(base.log.at(-1)).toBe("updateJobs");
  });

  it("refuses both where the target held a file that is gone for good", async () => {
    const { base, recover, undo } = world();
    base.files(SEGMENT, [{ id: "att1", filename: FILE, url: "u", size: 3 }]);
    base.target("Segments", SEGMENT, { [FIELD]: [{ url: `https://old/${FILE}` }] });
    await recover();
    base.files(SEGMENT, [{ id: "att2", filename: FILE, url: "u", size: 1000 }]);
    const { told } = await undo();
    expect(told).toEqual([
      [JOB, "cannot", `its target ${SEGMENT} cannot be put back`],
      [SEGMENT, "cannot", `${FIELD} held ${FILE}, which Airtable has let go of: attach it by hand`],
    ]);
    expect(base.jobs.get(JOB)?.status).toBe("completed");
  });

  it("sends files that were there before by their ids", async () => {
    const { base, run, undo, segment } = world(undefined, { [FIELD]: [{ url: "https://old/mine.mp4" }] });
    base.files(SEGMENT, [{ id: "att1", filename: "mine.mp4", url: "u", size: 3 }]);
    const operations = [{ ...COMBINE, onExisting: "append" as const }, CONCATENATE];
    await sweep(run({ policy: { ...POLICY, operations } }));
    base.files(SEGMENT, [
      { id: "att1", filename: "mine.mp4", url: "u", size: 3 },
      { id: "att2", filename: FILE, url: "u", size: 1000 },
    ]);
    const { told } = await undo();
    expect(told.map(([, outcome]) => outcome)).toEqual(["restored", "restored"]);
    expect(segment()?.[FIELD]).toEqual([{ id: "att1" }]);
  });

  it("puts back the target of a run that died before it came to the job", async () => {
    const { base, recover, undo, segment } = world();
    base.before = (request) => {
      if (request === "updateJobs") throw new UpstreamError("unavailable", "killed");
    };
    await recover();
    base.before = () => undefined;
    expect(base.jobs.get(JOB)?.status).toBe("processing");
    const { told } = await undo();
    expect(told).toEqual([
      [JOB, "as-it-was", "it is processing, as the run had found it"],
      [SEGMENT, "restored", `${FIELD}, Status`],
    ]);
    expect(segment()?.[FIELD]).toEqual([]);
  });

  it("does not empty the target of a run that died, where another run has completed the job since", async () => {
    const { base, recover, undo, run, segment } = world();
    base.before = (request) => {
      if (request === "updateJobs") throw new UpstreamError("unavailable", "killed");
    };
    await recover();
    base.before = () => undefined;
    await sweep(run({ signature: { runId: "run-2", version: "0.0.0" } }));
    expect(base.jobs.get(JOB)?.status).toBe("completed");
    const { told } = await undo();
    expect(told.at(-1)).toEqual([SEGMENT, "cannot", `${JOB} stands completed, and its file is here`]);
    expect(segment()?.[FIELD]).toHaveLength(1);
  });

  it("finds out by reading what became of a write whose answer was lost", async () => {
    const { base, recover, undo } = world();
    await recover();
    let lost = 0;
    base.after = (request) => (request === "updateJobs" && lost++ === 0 ? "lost" : undefined);
    const { records } = await undo();
    expect(records.map(({ outcome }) => outcome)).toEqual(["restored", "restored"]);
    expect(base.jobs.get(JOB)?.notes.match(/Undone by/g)).toHaveLength(1);
  });

  it("leaves the target where the base refuses the job", async () => {
    const { base, recover, undo, segment } = world();
    await recover();
    base.refused.add(JOB);
    const { told } = await undo();
    expect(told).toEqual([
      [JOB, "cannot", "HTTP 422"],
      [SEGMENT, "cannot", `${JOB} could not be put back`],
    ]);
    expect(segment()?.[FIELD]).toHaveLength(1);
  });

  it("puts back what is left when an undo that died is run again", async () => {
    const { base, recover, undo, segment } = world();
    await recover();
    base.before = (request) => {
      if (request === "updateTargets") throw new UpstreamError("unavailable", "killed");
    };
    expect((await undo()).fault?.message).toBe("killed");
    base.before = () => undefined;
    const { told } = await undo({ signature: { runId: "undo-2", version: "0.0.0" } });
    expect(told.map(([, outcome]) => outcome)).toEqual(["as-it-was", "restored"]);
    expect(segment()?.[FIELD]).toEqual([]);
  });

  it("takes back with a job those that were closed after it", async () => {
    const elder = job({ id: "recJob00000000002", externalId: "elder", age: 20 * MINUTE });
    const { bucket, recover, undo } = world([job(), elder]);
    bucket.objects.set("elder_output_0.mp4", 5);
    await recover();
    const { told } = await undo({}, JOB);
    expect(told.map(([id, outcome]) => [id, outcome])).toEqual([
      [JOB, "restored"],
      ["recJob00000000002", "restored"],
      [SEGMENT, "restored"],
    ]);
  });

  it("leaves a file on which a job rests that another run closed, until that is taken back", async () => {
    const elder = job({ id: "recJob00000000002", externalId: "elder", age: 20 * MINUTE });
    const { base, bucket, recover, undo, run, journal, segment } = world([job(), elder]);
    await recover();
    bucket.objects.set("elder_output_0.mp4", 5);
    await sweep(run({ signature: { runId: "run-2", version: "0.0.0" } }));
    expect(base.jobs.get(elder.id)?.status).toBe("completed");

    const detail = `${elder.id} stands completed and rests on this file: take run run-2 back first`;
    expect((await undo({ dryRun: true })).told).toEqual([
      [JOB, "cannot", detail],
      [SEGMENT, "cannot", detail],
    ]);
    expect((await undo()).told).toEqual([
      [JOB, "cannot", detail],
      [SEGMENT, "cannot", detail],
    ]);
    expect([base.jobs.get(JOB)?.status, segment()?.[FIELD]]).toMatchObject(["completed", [{}]]);

    const second = { ...run({ signature: { runId: "undo-2", version: "0.0.0" } }), redact: (text: string) => text };
    await undoDeeds(buildChangeSets(journal.past(), "run-2", null), second);
    expect(base.jobs.get(elder.id)?.status).toBe("processing");
    const third = await undo({ signature: { runId: "undo-3", version: "0.0.0" } });
    expect(third.told.map(([, outcome]) => outcome)).toEqual(["restored", "restored"]);
    expect(segment()?.[FIELD]).toEqual([]);
  });

  it("tells by reading what became of the last try to put a job back", async () => {
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
    const { told } = await undo();
    expect([writes, told[0]]).toEqual([4, [JOB, "restored", "completed → processing"]]);
  });

  it("puts a failed job back to processing, where it is not failed again at once", async () => {
    const { base, bucket, clock, journal, run, undo } = world([job({ age: 2 * HOUR, error: "" })]);
    bucket.objects.clear();
    await sweep(run());
    expect(base.jobs.get(JOB)?.status).toBe("failed");
    const { told } = await undo();
    expect(told).toEqual([[JOB, "restored", "failed → processing"]]);
    expect(base.jobs.get(JOB)).toMatchObject({ status: "processing", error: "", responsePayload: "" });
    clock.at += 30 * MINUTE;
    await sweep(run({ journal, signature: { runId: "run-2", version: "0.0.0" } }));
    expect(base.jobs.get(JOB)?.status).toBe("processing");
    clock.at += 31 * MINUTE;
    await sweep(run({ journal, signature: { runId: "run-3", version: "0.0.0" } }));
    expect(base.jobs.get(JOB)?.status).toBe("failed");
  });

  it("leaves a job whose late recovery was taken back failed, and no sweep takes it up again", async () => {
    const { base, bucket, run, undo, segment } = world([job({ age: 2 * HOUR, error: "" })]);
    bucket.objects.clear();
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

  it("does not write back what the journal holds without its secrets only", async () => {
    const { base, journal, run } = world([job({ error: "see https://b/?token=s3cret" })]);
    await sweep(run());
    const redact = (text: string) => text.replaceAll("s3cret", "[redacted]");
    const past = journal.past().map((write) => ({
      ...write,
      fields: JSON.parse(redact(JSON.stringify({ ...write.fields, error: { before: "see s3cret", after: null } }))),
    }));
    base.edit(JOB, { error: "" });
    const { records } = await undoDeeds(
      buildChangeSets(
        past.filter(({ role }) => role === "job"),
        "run-1",
        null,
      ),
      { ...run(), redact },
    );
    expect(records.map(({ outcome, detail }) => [outcome, detail])).toEqual([
      ["cannot", "the journal holds error without its secrets only"],
    ]);
  });
});
