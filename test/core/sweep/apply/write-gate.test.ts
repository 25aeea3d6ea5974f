import { describe, expect, it } from "vitest";
import type { Job } from "../../../../src/core/domain/job.ts";
import type { Journal } from "../../../../src/core/ports/journal.ts";
import { WriteGate } from "../../../../src/core/sweep/apply/write-gate.ts";
import type { SweepContext } from "../../../../src/core/sweep/context.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { HOUR, MINUTE, NOW } from "../../../support/builders.ts";
import { type FakeBase, type FakeBucket, runOf, stillClock } from "../../../support/fakes.ts";
import { MemoryJournal } from "../../../support/journal.ts";
import { combine, FIELD, worldOf } from "../../../support/sweep-world.ts";

const NO_OPTION = { error: "INVALID_MULTIPLE_CHOICE_OPTIONS completed", scope: "field" } as const;

/** A base with these combine jobs, whose outputs are all there. */
function worldWith(jobs: readonly Job[]) {
  const world = worldOf(jobs);
  for (const { externalId } of jobs) world.bucket.objects.set(`${externalId}_output_0.mp4`, 5);
  return world;
}

function numbered(from: number, to: number): readonly Job[] {
  return Array.from({ length: to - from + 1 }, (_, n) => combine(from + n));
}

interface Memory {
  readonly journal?: Journal | null;
  readonly hasNotes?: boolean;
  readonly force?: boolean;
  readonly at?: number;
}

async function swept(
  { base, bucket }: { readonly base: FakeBase; readonly bucket: FakeBucket },
  { journal = null, hasNotes = false, force = false, at = NOW }: Memory = {},
  over: Partial<SweepContext> = {},
) {
  const clock = stillClock(at);
  if (journal instanceof MemoryJournal) journal.now = () => clock.now();
  const signature = { runId: `run-${at}`, version: "0.0.0" };
  const gate = new WriteGate({ journal, findUnwritable: null, hasNotes, force, clock, signature, command: "recover" });
  const { report, fault } = await sweep(
    runOf(base, bucket, { journal, hasNotes, force, clock, signature, gate, ...over }),
  );
  return { report, fault, errors: report.entries.flatMap(({ error }) => error ?? []) };
}

/** How many targets have got a file. */
function delivered(base: FakeBase, table = "Segments", field = FIELD): number {
  return [...(base.targets.get(table)?.values() ?? [])].filter(({ fields }) => fields[field] !== undefined).length;
}

function refuseCompletion(base: FakeBase) {
  base.refuses = (update) => ("status" in update && update.status === "completed" ? NO_OPTION : null);
}

describe("a status that the base refuses", () => {
  it("ends the deliveries after the first batch, and costs no write for each job", async () => {
    const world = worldWith(numbered(1, 200));
    refuseCompletion(world.base);
    const { report, errors } = await swept(world, { journal: new MemoryJournal() });
    expect(delivered(world.base)).toBeLessThanOrEqual(50);
    expect(report.summary).toMatchObject({ recovered: 0, errors: 200 });
    expect(errors.every((error) => error.includes("INVALID_MULTIPLE_CHOICE_OPTIONS"))).toBe(true);
    expect(world.base.log.filter((request) => request === "updateJobs").length).toBeLessThanOrEqual(5);
  });

  it.each([
    ["the journal", () => ({ journal: new MemoryJournal() })],
    ["the notes", () => ({ hasNotes: true })],
  ])("is remembered by %s: nothing is delivered in the next run", async (_, memoryOf) => {
    const memory = memoryOf();
    const world = worldWith(numbered(1, 3));
    refuseCompletion(world.base);
    await swept(world, memory);
    for (const job of numbered(4, 6)) add(world, job);
    const before = delivered(world.base);
    world.base.log.length = 0;
    const { report, errors } = await swept(world, { ...memory, at: NOW + 2 * MINUTE });
    expect(delivered(world.base)).toBe(before);
    expect(world.base.log).not.toContain("updateJobs");
    expect(report.summary.errors).toBe(6);
    expect(errors[0]).toMatch(/not tried: refused at 2026-03-01T12:00:.*INVALID_MULTIPLE_CHOICE.*or with --force/);
  });

  it.each([
    ["once an hour", { at: NOW + HOUR + MINUTE }],
    ["at once with --force", { at: NOW + 2 * MINUTE, force: true }],
  ])("is tried again with one job %s", async (_, next) => {
    const journal = new MemoryJournal();
    const world = worldWith(numbered(1, 3));
    refuseCompletion(world.base);
    await swept(world, { journal });
    for (const job of numbered(4, 6)) add(world, job);
    const before = delivered(world.base);
    world.base.log.length = 0;
    await swept(world, { journal, ...next });
    expect(world.base.log.filter((request) => request === "updateJobs")).toHaveLength(1);
    expect(delivered(world.base)).toBeLessThanOrEqual(before + 1);
  });

  it("is forgotten once the base takes it", async () => {
    const journal = new MemoryJournal();
    const world = worldWith(numbered(1, 3));
    refuseCompletion(world.base);
    await swept(world, { journal });
    world.base.refuses = () => null;
    const { report } = await swept(world, { journal, at: NOW + 2 * MINUTE, force: true });
    expect(report.summary).toMatchObject({ recovered: 3, errors: 0 });
    expect(journal.refusals.size).toBe(0);
  });

  it("costs one delivery a run where nothing can remember it, and always the same", async () => {
    const world = worldWith(numbered(1, 4));
    refuseCompletion(world.base);
    await swept(world);
    await swept(world, { at: NOW + 2 * MINUTE });
    expect(delivered(world.base)).toBe(1);
  });

  it("does not keep jobs from being failed", async () => {
    const world = worldWith([combine(1), combine(2, { age: 2 * HOUR })]);
    world.bucket.objects.delete("x2_output_0.mp4");
    world.bucket.objects.set("x1_output_0.mp4", 5);
    refuseCompletion(world.base);
    const { report } = await swept(world, { journal: new MemoryJournal() });
    expect(report.summary).toMatchObject({ failed: 1, errors: 1 });
  });
});

describe("a target that the base refuses", () => {
  const DENIED = { error: "HTTP 403 INVALID_PERMISSIONS", scope: "permission" } as const;

  /** Three jobs for segments and one for a video. */
  function mixedWorld() {
    const video = { id: "recVideo000000001", type: "concatenate", externalId: "v1" };
    const world = worldWith([
      ...numbered(1, 3),
      combine(9, { ...video, id: "recJobs0000000009", links: { "Related Video": [video.id] } }),
    ]);
    world.bucket.objects.set("v1.mp4", 5);
    world.base.target("Videos", video.id);
    return world;
  }

  it("costs its own jobs an error, and holds up nobody else", async () => {
    const world = mixedWorld();
    world.base.refuses = (_, table) => (table === "Segments" ? DENIED : null);
    const { report, fault } = await swept(world, { journal: new MemoryJournal() });
    expect(report.summary).toMatchObject({ recovered: 1, errors: 3 });
    expect(fault).toBeNull();
  });

  it("is a refused token where nothing at all is permitted", async () => {
    const world = mixedWorld();
    world.base.refuses = () => DENIED;
    const { fault } = await swept(world, { journal: new MemoryJournal() });
    expect(fault).toMatchObject({ code: "auth" });
  });
});

describe("a token that may only read", () => {
  const READ_ONLY = { error: "HTTP 403 INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", scope: "token" } as const;

  it("is a refused token in the next run as well, which tries nothing", async () => {
    const journal = new MemoryJournal();
    const world = worldWith(numbered(1, 3));
    world.base.refuses = () => READ_ONLY;
    await swept(world, { journal });
    world.base.log.length = 0;
    const { fault } = await swept(world, { journal, at: NOW + 2 * MINUTE });
    expect(fault).toMatchObject({ code: "auth" });
    expect(world.base.log.filter((request) => request.startsWith("update"))).toEqual([]);
  });
});

describe("a record that the base refuses for a reason of its own", () => {
  it("does not keep the others from being written, in this run and the next", async () => {
    const journal = new MemoryJournal();
    const world = worldWith(numbered(1, 4));
    world.base.refused.add("recJobs0000000002");
    const first = await swept(world, { journal });
    expect(first.report.summary).toMatchObject({ recovered: 3, errors: 1 });
    add(world, combine(5));
    const second = await swept(world, { journal, at: NOW + 2 * MINUTE });
    expect(second.report.summary).toMatchObject({ recovered: 1, errors: 1 });
  });

  it("does not keep the others from being written where two of a batch are refused", async () => {
    const world = worldWith(numbered(1, 10));
    world.base.refused.add("recJobs0000000001");
    world.base.refused.add("recJobs0000000002");
    const journal = new MemoryJournal();
    expect((await swept(world, { journal })).report.summary).toMatchObject({ recovered: 8, errors: 2 });
    expect(journal.refusals.size).toBe(0);
  });

  it("does not keep the others from being written where nothing remembers anything", async () => {
    const world = worldWith(numbered(1, 4));
    world.base.refused.add("recJobs0000000001");
    expect((await swept(world)).report.summary).toMatchObject({ recovered: 3, errors: 1 });
  });

  it("is taken for the kind where three fare alike and none was written", async () => {
    const journal = new MemoryJournal();
    const world = worldWith(numbered(1, 40));
    world.base.refuses = (update) => ("status" in update ? { error: "HTTP 422 something" } : null);
    await swept(world, { journal });
    expect(journal.refusals.size).toBe(1);
  });
});

it("a base without any memory gets one job, and then the others", async () => {
  const world = worldWith(numbered(1, 30));
  const { report } = await swept(world);
  expect(report.summary).toMatchObject({ recovered: 30 });
  expect(world.base.log.slice(0, 6)).toEqual([
    "list",
    "list",
    "readJobs",
    "readTargets",
    "updateTargets",
    "updateJobs",
  ]);
});

it("a base without any memory gets no second job where the write of the first is not confirmed", async () => {
  const world = worldWith(numbered(1, 4));
  world.base.after = (request) => (request === "updateTargets" ? "lost" : undefined);
  world.base.before = (request) => {
    if (request !== "readTargets") return;
    for (const record of world.base.targets.get("Segments")?.values() ?? []) record.fields = {};
  };
  const { report } = await swept(world);
  expect(report.summary).toMatchObject({ recovered: 0, errors: 4 });
  expect(delivered(world.base)).toBeLessThanOrEqual(1);
});

function add({ base, bucket }: { readonly base: FakeBase; readonly bucket: FakeBucket }, job: Job): void {
  base.jobs.set(job.id, job);
  for (const id of job.links.Segments ?? []) base.target("Segments", id);
  bucket.objects.set(`${job.externalId}_output_0.mp4`, 5);
}

it("a base whose notes alone remember, and cannot be written either, gets one delivery a run", async () => {
  const world = worldWith(numbered(1, 30));
  world.base.refuses = (update) => ("notes" in update ? { error: "HTTP 403", scope: "permission" } : null);
  await swept(world, { hasNotes: true });
  await swept(world, { hasNotes: true, at: NOW + 2 * MINUTE });
  expect(delivered(world.base)).toBe(1);
});

describe("an attachment that is written once more", () => {
  it("is not tried every two minutes where the base refuses the field", async () => {
    const journal = new MemoryJournal();
    const world = worldWith([combine(1)]);
    await swept(world, { journal });
    for (const record of world.base.targets.get("Segments")?.values() ?? []) record.fields = {};
    world.base.refuses = (_, table) => (table === "Segments" ? { error: "HTTP 403", scope: "permission" } : null);
    const first = await swept(world, { journal, at: NOW + 2 * MINUTE });
    expect(first.errors).toEqual(["HTTP 403"]);
    world.base.log.length = 0;
    const second = await swept(world, { journal, at: NOW + 4 * MINUTE });
    expect(world.base.log).not.toContain("updateTargets");
    expect(second.errors[0]).toMatch(/^not tried: refused at/);
  });
});
