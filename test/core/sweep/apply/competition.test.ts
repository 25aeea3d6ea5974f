import { describe, expect, it } from "vitest";
import type { Job } from "../../../../src/core/domain/job.ts";
import type { SweepContext } from "../../../../src/core/sweep/context.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { COMBINE, HOUR, MINUTE, NOW } from "../../../support/builders.ts";
import { runOf, stillClock } from "../../../support/fakes.ts";
import { MemoryJournal } from "../../../support/journal.ts";
import { combine, FIELD, verdicts, worldOf } from "../../../support/sweep-world.ts";

const SEGMENT = "recSegs0000000001";
const links = { Segments: [SEGMENT] };

/** An older job of 30 minutes with an output and, by default, a newer one without. */
function twoJobs(newer: Partial<Job> & { age?: number }, older: Partial<Job> & { age?: number } = {}) {
  const world = worldOf([combine(1, { age: 30 * MINUTE, links, ...older }), combine(2, { links, ...newer })]);
  world.bucket.objects.set("x1_output_0.mp4", 1);
  return world;
}

type World = ReturnType<typeof twoJobs>;

let runs = 0;

async function recoverAll({ base, bucket }: World, over: Partial<SweepContext> = {}) {
  runs += 1;
  const signature = { runId: `run-${runs}`, version: "0.0.0" };
  const { report } = await sweep(runOf(base, bucket, { signature, ...over }));
  return verdicts(report.entries);
}

/** A clock that is so much later than the tests' moment. */
function later(ms: number) {
  return { clock: stillClock(NOW + ms) };
}

function filesIn({ base }: World) {
  const held = base.targets.get("Segments")?.get(SEGMENT)?.fields[FIELD];
  return Array.isArray(held) ? held.map((each) => ("url" in each ? each.url.split("/").at(-1) : each.id)) : [];
}

const WAITS = "wait: newer-job-undecided";

describe("an older job's output waits for a newer job for the same target", () => {
  it("that is too young to be stuck, and that one is delivered when its output comes", async () => {
    const world = twoJobs({ age: 3 * MINUTE });
    expect(await recoverAll(world)).toEqual([WAITS]);
    world.bucket.objects.set("x2_output_0.mp4", 2);
    expect(await recoverAll(world, later(4 * MINUTE))).toEqual(["recover: output-found!", "recover: superseded!"]);
    expect(filesIn(world)).toEqual(["x2_output_0.mp4"]);
  });

  it.each([3, 10])(
    "of %i minutes whose target only a further link names, which a listing leaves out",
    async (minutes) => {
      const world = twoJobs({ age: minutes * MINUTE, links: { Segments: [], "Related Segment Video": [SEGMENT] } });
      const list = world.base.list.bind(world.base);
      world.base.list = async function* (query) {
        for await (const page of list(query)) {
          yield page.map((each) => ({ ...each, links: { Segments: each.links.Segments ?? [] } }));
        }
      };
      expect((await recoverAll(world)).filter((verdict) => verdict.startsWith("recover"))).toEqual([]);
      expect(filesIn(world)).toEqual([]);
    },
  );

  it("whose output is pending", async () => {
    expect(await recoverAll(twoJobs({ age: 10 * MINUTE }))).toEqual([WAITS, "wait: output-pending"]);
  });

  it.each([
    ["--limit", { limit: 1 }],
    ["--job", { named: ["recJobs0000000001"] }],
  ])("that %s leaves out", async (_, over) => {
    const world = twoJobs({ age: 10 * MINUTE });
    world.bucket.objects.set("x2_output_0.mp4", 2);
    expect(await recoverAll({ ...world, base: onlyNamed(world) }, over)).toEqual([WAITS]);
    expect(filesIn(world)).toEqual([]);
  });

  it("that --operation leaves out, where both deliver to one field", async () => {
    const world = twoJobs({ age: 10 * MINUTE, type: "redo" });
    const { policy } = runOf(world.base, world.bucket);
    const operations = policy.operations.flatMap((each) =>
      each.name === "combine" ? [each, { ...each, name: "redo", types: ["redo"] }] : [each],
    );
    expect(await recoverAll(world, { only: ["combine"], policy: { ...policy, operations } })).toEqual([WAITS]);
  });

  it("that was created a second later, where it is listed two seconds later", async () => {
    const world = twoJobs({ age: 10 * MINUTE }, { age: 10 * MINUTE + 1_000 });
    const clock = stillClock();
    const list = world.base.list.bind(world.base);
    world.base.list = async function* (query) {
      yield* list(query);
      clock.at += 2_000;
    };
    const over = { clock, named: ["recJobs0000000001"] };
    expect(await recoverAll({ ...world, base: onlyNamed(world) }, over)).toEqual([WAITS]);
  });

  it("in a scan", async () => {
    expect(await recoverAll(twoJobs({ age: 3 * MINUTE }), { command: "scan" })).toEqual([WAITS]);
  });

  it("until the older one's own failAfter", async () => {
    const world = twoJobs({ age: 3 * MINUTE });
    expect(await recoverAll(world, later(29 * MINUTE))).toEqual([WAITS, "wait: output-pending"]);
    expect(await recoverAll(world, later(31 * MINUTE))).toEqual(["recover: output-found!", "wait: output-pending"]);
  });
});

/** A listing that knows `--job`, as a real base does. */
function onlyNamed({ base }: World): World["base"] {
  const list = base.list.bind(base);
  base.list = async function* (query) {
    for await (const page of list(query)) {
      yield page.filter(({ id }) => query.named === undefined || query.named.includes(id));
    }
  };
  return base;
}

it("the newest by its own date is delivered after an undo, which makes both jobs equally young", async () => {
  const notes = `Undone by stuck-jobs at ${new Date(NOW - 6 * MINUTE).toISOString()}: run r reverted`;
  const world = worldOf([
    combine(1, { age: 10 * MINUTE, links, notes }),
    combine(2, { age: 30 * MINUTE, links, notes }),
  ]);
  for (const n of [1, 2]) world.bucket.objects.set(`x${n}_output_0.mp4`, n);
  expect(await recoverAll(world)).toEqual(["recover: output-found!", "recover: superseded!"]);
  expect(filesIn(world)).toEqual(["x1_output_0.mp4"]);
});

describe("an older job's output does not wait for a newer job", () => {
  it.each([
    ["without an external id", { age: 3 * MINUTE, externalId: null }],
    ["that is past its own failAfter", { age: 2 * HOUR }],
    ["of a status that is not stuck", { age: 3 * MINUTE, status: "pending" }],
    ["that names two targets", { age: 3 * MINUTE, links: { Segments: [SEGMENT, "recSegs0000000002"] } }],
    ["that names an operation which the configuration does not have", { age: 3 * MINUTE, type: "dub" }],
  ])("%s", async (_, newer) => {
    const found = await recoverAll(
      twoJobs(newer, { age: "age" in newer && newer.age > HOUR ? 3 * HOUR : 30 * MINUTE }),
    );
    expect(found).toContain("recover: output-found!");
    expect(found).not.toContain(WAITS);
  });

  it("that the provider calls failed", async () => {
    const world = twoJobs({ age: 10 * MINUTE });
    const { policy } = runOf(world.base, world.bucket);
    const operations = policy.operations.map((each) => ({ ...each, provider: "p" }));
    const status = {
      ask: async () => ({ kind: "failed", error: "x", detail: "", worker: null }) as const,
      requests: () => 0,
    };
    const provider = {
      url: "https://p.example",
      status,
      probe: world.bucket.probe.bind(world.bucket),
      requests: () => 0,
    };
    const found = await recoverAll(world, { providers: new Map([["p", provider]]), policy: { ...policy, operations } });
    expect(found).toEqual(["fail: provider-failed!", "recover: output-found!"]);
  });

  it("although a new one is started every minute and skipped", async () => {
    const retries = Array.from({ length: 8 }, (_, n) => combine(10 + n, { age: n * MINUTE, externalId: null, links }));
    const world = worldOf([combine(1, { age: 30 * MINUTE, links }), ...retries]);
    world.bucket.objects.set("x1_output_0.mp4", 1);
    expect(await recoverAll(world)).toContain("recover: output-found!");
  });
});

describe("a delivering sweep", () => {
  it("lists competing jobs once, and one without anything to deliver does not", async () => {
    const world = worldOf(Array.from({ length: 60 }, (_, n) => combine(n)));
    await recoverAll(world);
    expect(world.base.log.filter((request) => request === "list")).toHaveLength(1);
    for (let n = 0; n < 60; n += 1) world.bucket.objects.set(`x${n}_output_0.mp4`, 1);
    world.base.log.length = 0;
    await recoverAll(world);
    expect(world.base.log.filter((request) => request === "list")).toHaveLength(2);
    expect(world.base.asked.at(-1)?.after).toBe(NOW - 5 * MINUTE - 1);
  });
});

/** A world in which the older job was delivered, and the newer one's output has come since. */
async function deliveredOlder(over: Partial<SweepContext> = {}) {
  const world = twoJobs({ age: 10 * MINUTE, status: "queued" });
  expect(await recoverAll(world, over)).toEqual(["recover: output-found!"]);
  world.base.edit("recJobs0000000002", { status: "processing" });
  world.bucket.objects.set("x2_output_0.mp4", 2);
  return world;
}

describe("an older job's file in the target", () => {
  it("gives way to a newer output where stuck-jobs delivered it", async () => {
    const world = await deliveredOlder();
    expect(await recoverAll(world)).toEqual(["recover: output-found!"]);
    expect(filesIn(world)).toEqual(["x2_output_0.mp4"]);
  });

  it("gives way by the journal where there are no notes", async () => {
    const journal = new MemoryJournal();
    const world = await deliveredOlder({ journal });
    world.base.edit("recJobs0000000001", { notes: "" });
    expect(await recoverAll(world, { journal })).toEqual(["recover: output-found!"]);
    expect(filesIn(world)).toEqual(["x2_output_0.mp4"]);
  });

  it("stays where a person has uploaded it, even under the same name", async () => {
    const world = await deliveredOlder();
    const trimmed = { id: "attPerson", filename: "x1_output_0.mp4", url: "https://airtable.example/p", size: 1 };
    world.base.files(SEGMENT, [trimmed]);
    expect(await recoverAll(world)).toEqual(["skip: target-occupied"]);
  });

  it("stays where the webhook wrote it, after a run that announced the same was killed", async () => {
    const world = twoJobs({ age: 10 * MINUTE }, { status: "completed" });
    world.bucket.objects.set("x2_output_0.mp4", 2);
    const file = { filename: "x1_output_0.mp4", size: 1 };
    world.base.files(SEGMENT, [{ ...file, id: "attHook", url: "https://airtable.example/h" }]);
    world.base.target("Segments", SEGMENT, { [FIELD]: [{ url: "https://bucket.example/x1_output_0.mp4" }] });
    const journal = new MemoryJournal();
    const announced = {
      job: { id: "recJobs0000000001", externalId: "x1", operation: "combine", since: null, age: null },
      target: { table: "Segments", id: SEGMENT },
      fields: { [FIELD]: { before: [], after: [{ ...file, id: null }] } },
      note: null,
      reason: "output-found",
      detail: "",
      supersededBy: null,
      evidence: { probes: [], provider: null, calibration: null },
      undoes: null,
    } as const;
    await journal.recordIntent([announced], { runId: "run-killed", command: "recover" });
    expect(await recoverAll(world, { journal })).toEqual(["skip: target-occupied"]);
  });

  it("stays where a person has put the file of another operation", async () => {
    const world = worldOf([combine(1, { age: 30 * MINUTE, links })]);
    const notes = `Completed via polling at ${new Date(NOW - MINUTE).toISOString()}: found z9_output_0.mp4`;
    const zoomed = combine(9, { externalId: "z9", type: "zoom", status: "completed", notes, links });
    world.base.jobs.set(zoomed.id, zoomed);
    world.bucket.objects.set("x1_output_0.mp4", 1);
    const copied = { id: "attPerson", filename: "z9_output_0.mp4", url: "https://airtable.example/z", size: 3 };
    world.base.target("Segments", SEGMENT, { [FIELD]: [{ url: "https://bucket.example/z9_output_0.mp4" }] });
    world.base.files(SEGMENT, [copied]);
    const { policy } = runOf(world.base, world.bucket);
    const zoom = { ...COMBINE, name: "zoom", types: ["zoom"], attachment: "Video" };
    const operations = [...policy.operations, { ...zoom, deliver: { field: "Video", as: "attachment" } as const }];
    expect(await recoverAll(world, { policy: { ...policy, operations } })).toEqual(["skip: target-occupied"]);
  });

  it("stays where a person has added another", async () => {
    const world = await deliveredOlder();
    const [id = ""] = /att\w+/.exec(world.base.jobs.get("recJobs0000000001")?.notes ?? "") ?? [];
    world.base.files(SEGMENT, [
      { id, filename: "x1_output_0.mp4", url: "https://airtable.example/o", size: 1 },
      { id: "attPerson", filename: "mine.mp4", url: "https://airtable.example/p", size: 9 },
    ]);
    expect(await recoverAll(world)).toEqual(["skip: target-occupied"]);
  });

  it("is completed where the newer job cannot take its place", async () => {
    const world = twoJobs({ age: 10 * MINUTE });
    world.bucket.objects.set("x2_output_0.mp4", 2);
    world.base.target("Segments", SEGMENT, { [FIELD]: [{ url: "https://bucket.example/x1_output_0.mp4" }] });
    expect(await recoverAll(world)).toEqual(["recover: output-found!", "skip: target-occupied"]);
    expect(world.base.jobs.get("recJobs0000000001")?.status).toBe("completed");
  });
});
