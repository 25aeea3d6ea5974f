import { describe, expect, it } from "vitest";
import type { ProbeResult, ProviderAnswer } from "../../src/core/domain/evidence.ts";
import type { Job } from "../../src/core/domain/job.ts";
import type { Operation } from "../../src/core/domain/operation.ts";
import type { Provider } from "../../src/core/ports/ports.ts";
import { sweep } from "../../src/core/sweep/sweep.ts";
import { COMBINE, HOUR, job, MINUTE, NOW, named, POLICY, SEGMENT } from "../support/builders.ts";
import { FakeBase, FakeBucket, runOf } from "../support/fakes.ts";

const FIELD = "Voiceover + Video";
const OLD = { age: 2 * HOUR };

function worldOf(over: Partial<Job> & { age?: number } = {}) {
  const base = new FakeBase([job({ externalId: "x1", ...over })]);
  base.target("Segments", SEGMENT);
  return { base, bucket: new FakeBucket() };
}

/** What one sweep makes of the one job, with an operation that differs from the preset's in `over`. */
async function swept(
  { base, bucket }: ReturnType<typeof worldOf>,
  over: Partial<Operation> = {},
  run: Partial<Parameters<typeof runOf>[2]> = {},
) {
  const operations = [{ ...COMBINE, ...over }];
  const { report } = await sweep(runOf(base, bucket, { policy: { ...POLICY, operations }, ...run }));
  return report.entries.map(({ verdict, applied }) => `${verdict.kind}: ${verdict.reason}${applied ? "!" : ""}`);
}

function attached(base: FakeBase) {
  return base.targets.get("Segments")?.get(SEGMENT)?.fields[FIELD];
}

function jobIn(base: FakeBase) {
  return base.jobs.get("recJob00000000001");
}

/** A provider with one answer, whose outputs are there if they say "there". */
function provider(answer: ProviderAnswer): { providers: ReadonlyMap<string, Provider>; asked: string[] } {
  const asked: string[] = [];
  const probe = async (url: string): Promise<ProbeResult> => {
    if (!url.includes("there")) return { result: "absent", url, detail: "HTTP 404" };
    const output = { url, bytes: 5, contentType: null, etag: null, lastModified: null };
    return { result: "present", url, detail: "HTTP 200", output };
  };
  const status = {
    ask: async (externalId: string) => {
      asked.push(externalId);
      return answer;
    },
    requests: () => asked.length,
  };
  const nca: Provider = { url: "https://nca.example", status, probe, requests: () => asked.length };
  return { providers: new Map([["nca", nca]]), asked };
}

const SAID = { detail: "done", worker: null };

describe("an output in several files", () => {
  const outputs = [0, 1, 2].map((n) => ({ ...named(`{externalId}_output_${n}.mp4`), all: true }));

  it("is delivered whole, in its order", async () => {
    const world = worldOf();
    for (const n of [0, 1, 2]) world.bucket.objects.set(`x1_output_${n}.mp4`, 10 + n);
    expect(await swept(world, { outputs })).toEqual(["recover: output-found!"]);
    expect(attached(world.base)).toEqual([0, 1, 2].map((n) => ({ url: `https://bucket.example/x1_output_${n}.mp4` })));
    expect(JSON.parse(jobIn(world.base)?.responsePayload ?? "")).toMatchObject({
      output_url: "https://bucket.example/x1_output_0.mp4",
      output_urls: [0, 1, 2].map((n) => `https://bucket.example/x1_output_${n}.mp4`),
    });
    expect(jobIn(world.base)?.notes).toContain("x1_output_2.mp4 (HTTP 200, 12 bytes");
  });

  it("is waited for while a file is missing, and fails nobody when it never comes", async () => {
    const young = worldOf();
    young.bucket.objects.set("x1_output_0.mp4", 10);
    expect(await swept(young, { outputs })).toEqual(["wait: output-incomplete"]);
    const old = worldOf(OLD);
    old.bucket.objects.set("x1_output_0.mp4", 10);
    expect(await swept(old, { outputs })).toEqual(["unknown: output-incomplete"]);
    expect(attached(old.base)).toBeUndefined();
  });

  it("keeps the files of it that are there already, and adds the others", async () => {
    const world = worldOf();
    for (const n of [0, 1, 2]) world.bucket.objects.set(`x1_output_${n}.mp4`, 10 + n);
    world.base.target("Segments", SEGMENT, { [FIELD]: [{ url: "https://bucket.example/x1_output_0.mp4" }] });
    world.base.files(SEGMENT, [
      { id: "attA", filename: "x1_output_0.mp4", url: "https://airtable.example/1", size: 10 },
    ]);
    await swept(world, { outputs });
    expect(attached(world.base)).toEqual([
      { id: "attA" },
      { url: "https://bucket.example/x1_output_1.mp4" },
      { url: "https://bucket.example/x1_output_2.mp4" },
    ]);
  });
});

describe("before a job is failed", () => {
  it("a listing that holds another name of its id stops it, and the name is told", async () => {
    const world = worldOf(OLD);
    world.bucket.listing = "open";
    world.bucket.objects.set("x1_final_cut.mp4", 10);
    expect(await swept(world)).toEqual(["unknown: output-under-another-name"]);
    const { report } = await sweep(runOf(world.base, world.bucket));
    expect(report.entries[0]?.verdict.detail).toBe("x1_final_cut.mp4");
  });

  it("a listing without its id lets it go", async () => {
    const world = worldOf(OLD);
    world.bucket.listing = "open";
    expect(await swept(world)).toEqual(["fail: output-absent!"]);
    expect(world.bucket.listed).toEqual(["x1"]);
  });

  it("a listing that gives no answer stops it", async () => {
    const world = worldOf(OLD);
    world.bucket.listing = "unknown";
    expect(await swept(world)).toEqual(["unknown: storage-unreachable"]);
  });

  it("where no listing is to be had, the worker's other names are tried", async () => {
    const world = worldOf(OLD);
    world.bucket.objects.set("x1_captioned.mp4", 10);
    const otherNames = ["{externalId}_output_0.mp4", "{externalId}_captioned.mp4"];
    expect(await swept(world, {}, { otherNames })).toEqual(["unknown: output-under-another-name"]);
    world.bucket.objects.set("x1_captioned.mp4", "unreachable");
    expect(await swept(world, {}, { otherNames })).toEqual(["unknown: storage-unreachable"]);
    world.bucket.objects.delete("x1_captioned.mp4");
    expect(await swept(world, {}, { otherNames })).toEqual(["fail: output-absent!"]);
  });

  it("the other names are tried again where the looks at them grew old", async () => {
    const { base, bucket } = worldOf(OLD);
    const otherNames = ["{externalId}_captioned.mp4"];
    const clock = { at: NOW, now: () => clock.at, sleep: async () => undefined };
    const look = bucket.probe.bind(bucket);
    let last = 0;
    bucket.probe = async (url) => {
      const sighting = await look(url);
      if (!url.endsWith("_captioned.mp4")) return sighting;
      last += 1;
      if (last === 1) {
        clock.at += 11_000;
        bucket.objects.set("x1_captioned.mp4", 10);
      }
      return sighting;
    };
    expect(await swept({ base, bucket }, {}, { otherNames, clock })).toEqual(["unknown: output-under-another-name"]);
    bucket.objects.delete("x1_captioned.mp4");
    clock.at += HOUR;
    last = 0;
    bucket.probe = async (url) => {
      if (url.endsWith("_captioned.mp4") && last++ === 0) clock.at += 11_000;
      return await look(url);
    };
    expect(await swept({ base, bucket }, {}, { otherNames, clock })).toEqual(["fail: output-absent!"]);
    expect(jobIn(base)?.notes).toContain("x1_output_0.mp4 → HTTP 404; x1_captioned.mp4 → HTTP 404");
  });

  it("a signed 404 needs no random key", async () => {
    const world = worldOf(OLD);
    world.bucket.signed = true;
    expect(await swept(world)).toEqual(["fail: output-absent!"]);
    expect(world.bucket.looked).toEqual(["x1_output_0.mp4"]);
  });
});

describe("a private bucket", () => {
  it("gives Airtable an URL that it can fetch, and nobody else", async () => {
    const world = worldOf();
    world.bucket.signed = true;
    world.bucket.objects.set("x1_output_0.mp4", 10);
    await swept(world);
    expect(JSON.stringify(attached(world.base))).toContain("X-Amz-Signature");
    expect(JSON.stringify(jobIn(world.base))).not.toContain("X-Amz-Signature");
  });
});

describe("a file that is looked into", () => {
  it("is not delivered when it is broken", async () => {
    const world = worldOf(OLD);
    world.bucket.objects.set("x1_output_0.mp4", 10);
    world.bucket.broken.add("x1_output_0.mp4");
    expect(await swept(world, { check: "mp4" })).toEqual(["unknown: suspect-output"]);
    expect(await swept(world, { check: null })).toEqual(["recover: output-found!"]);
  });
});

describe("a provider", () => {
  it("is asked for nothing that the storage has", async () => {
    const world = worldOf();
    world.bucket.objects.set("x1_output_0.mp4", 10);
    const { providers, asked } = provider({ ...SAID, kind: "failed", error: "boom" });
    expect(await swept(world, { provider: "nca" }, { providers })).toEqual(["recover: output-found!"]);
    expect(asked).toEqual([]);
  });

  it("is not asked while the storage gives no answer", async () => {
    const world = worldOf(OLD);
    world.bucket.missing = "unreachable";
    const { providers, asked } = provider({ ...SAID, kind: "failed", error: "boom" });
    expect(await swept(world, { provider: "nca" }, { providers })).toEqual(["unknown: storage-unreachable"]);
    expect(asked).toEqual([]);
  });

  it("that says it failed fails the job at once, with its reason in the error field", async () => {
    const world = worldOf();
    const { providers } = provider({ ...SAID, kind: "failed", error: "ffmpeg: moov atom not found" });
    expect(await swept(world, { provider: "nca" }, { providers })).toEqual(["fail: provider-failed!"]);
    expect(JSON.stringify(jobIn(world.base))).toContain('"error":"nca: ffmpeg: moov atom not found\\n');
  });

  it("that is still at work keeps a job of two hours from being failed", async () => {
    const world = worldOf(OLD);
    const { providers } = provider({ ...SAID, kind: "running" });
    expect(await swept(world, { provider: "nca" }, { providers })).toEqual(["wait: provider-running"]);
  });

  it("that is done has its output delivered from where it says", async () => {
    const world = worldOf();
    const { providers } = provider({ ...SAID, kind: "succeeded", urls: ["https://cdn.example/there.mp4"] });
    expect(await swept(world, { provider: "nca" }, { providers })).toEqual(["recover: provider-output!"]);
    expect(attached(world.base)).toEqual([{ url: "https://cdn.example/there.mp4" }]);
  });

  it("that is done and whose output cannot be seen fails nobody", async () => {
    const world = worldOf(OLD);
    const { providers } = provider({ ...SAID, kind: "succeeded", urls: ["https://cdn.example/gone.mp4"] });
    expect(await swept(world, { provider: "nca" }, { providers })).toEqual(["unknown: evidence-contradicts"]);
  });

  it("that forgot the job leaves it to the storage", async () => {
    const world = worldOf(OLD);
    const { providers } = provider({ ...SAID, kind: "forgotten" });
    expect(await swept(world, { provider: "nca" }, { providers })).toEqual(["fail: output-absent!"]);
  });

  it("is all that knows where there are no names to look for", async () => {
    const world = worldOf(OLD);
    const { providers } = provider({ ...SAID, kind: "unknown" });
    const operation = { provider: "nca", outputs: [] };
    expect(await swept(world, operation, { providers })).toEqual(["unknown: provider-silent"]);
  });
});

describe("the brake on what a provider says", () => {
  function herd(answers: (n: number) => ProviderAnswer) {
    const jobs = Array.from({ length: 8 }, (_, n) =>
      job({ id: `recJob0000000000${n}`, externalId: `x${n}`, links: { Segments: [`recSegment000000${n}`] } }),
    );
    const base = new FakeBase(jobs);
    for (let n = 0; n < 8; n += 1) base.target("Segments", `recSegment000000${n}`);
    const status = { ask: async (id: string) => answers(Number(id.slice(1))), requests: () => 0 };
    const probe = async (url: string): Promise<ProbeResult> => ({ result: "absent", url, detail: "HTTP 404" });
    const nca: Provider = { url: "https://nca.example", status, probe, requests: () => 0 };
    const policy = { ...POLICY, operations: [{ ...COMBINE, provider: "nca" }] };
    return sweep(runOf(base, new FakeBucket(), { policy, providers: new Map([["nca", nca]]) }));
  }
  const FAILED: ProviderAnswer = { ...SAID, kind: "failed", error: "boom" };

  it("holds a provider back that says it of every job: it may be read wrongly", async () => {
    const { report } = await herd(() => FAILED);
    expect(report.summary).toMatchObject({ failed: 0, unknown: 8 });
    expect(report.brake?.[0]).toMatchObject({ operation: "combine", wouldFail: 8, reason: "no-positive-control" });
  });

  it("lets it go where it says something else of another", async () => {
    const { report } = await herd((n) => (n === 0 ? { ...SAID, kind: "running" } : FAILED));
    expect(report.summary).toMatchObject({ failed: 7, waiting: 1 });
    expect(report.brake).toBe(null);
  });
});

describe("further kinds of stuck", () => {
  it("are recovered like any other when they are configured", async () => {
    const world = worldOf({ status: "webhook_error" });
    world.bucket.objects.set("x1_output_0.mp4", 10);
    const policy = { ...POLICY, stuckStatuses: ["processing", "webhook_error"] };
    const { report } = await sweep(runOf(world.base, world.bucket, { policy }));
    expect(report.summary.recovered).toBe(1);
  });

  it("count a pending job only once it was sent off", async () => {
    const policy = { ...POLICY, stuckStatuses: ["processing", "pending"] };
    const sent = worldOf({ status: "pending", age: 10 * MINUTE });
    expect((await sweep(runOf(sent.base, sent.bucket, { policy }))).report.summary.stuck).toBe(1);
    const notSent = worldOf({ status: "pending", externalId: null });
    expect((await sweep(runOf(notSent.base, notSent.bucket, { policy }))).report.summary.stuck).toBe(0);
  });

  it("leave a job alone whose date was changed meanwhile: a person runs it again", async () => {
    const world = worldOf();
    world.bucket.objects.set("x1_output_0.mp4", 10);
    world.base.before = (request) => {
      if (request === "readJobs") world.base.edit("recJob00000000001", { since: { kind: "at", at: Date.now() } });
    };
    expect(await swept(world)).toEqual(["skip: changed-meanwhile"]);
  });
});
