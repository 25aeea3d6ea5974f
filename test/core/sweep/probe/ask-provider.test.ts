import { describe, expect, it } from "vitest";
import { ANSWER, attached, jobIn, OLD, oneJobWorld, provider, swept } from "../../../support/one-job-world.ts";

describe("a provider", () => {
  it("is not asked for what the storage has", async () => {
    const world = oneJobWorld();
    world.bucket.objects.set("x1_output_0.mp4", 10);
    const { providers, asked } = provider({ ...ANSWER, kind: "failed", error: "boom" });
    expect(await swept(world, { provider: "nca" }, { providers })).toEqual(["recover: output-found!"]);
    expect(asked).toEqual([]);
  });

  it("is not asked while the storage gives no answer", async () => {
    const world = oneJobWorld(OLD);
    world.bucket.missing = "unreachable";
    const { providers, asked } = provider({ ...ANSWER, kind: "failed", error: "boom" });
    expect(await swept(world, { provider: "nca" }, { providers })).toEqual(["unknown: storage-unreachable"]);
    expect(asked).toEqual([]);
  });

  it("that calls a job failed has it failed at once, with its reason in the error field", async () => {
    const world = oneJobWorld();
    const { providers } = provider({ ...ANSWER, kind: "failed", error: "ffmpeg: moov atom not found" });
    expect(await swept(world, { provider: "nca" }, { providers })).toEqual(["fail: provider-failed!"]);
    expect(JSON.stringify(jobIn(world.base))).toContain('"error":"nca: ffmpeg: moov atom not found\\n');
  });

  it("that is still running a job of two hours keeps it from being failed", async () => {
    const world = oneJobWorld(OLD);
    const { providers } = provider({ ...ANSWER, kind: "running" });
    expect(await swept(world, { provider: "nca" }, { providers })).toEqual(["wait: provider-running"]);
  });

  it("that is done has its output delivered from the URL that it names", async () => {
    const world = oneJobWorld();
    const { providers } = provider({ ...ANSWER, kind: "succeeded", urls: ["https://cdn.example/there.mp4"] });
    expect(await swept(world, { provider: "nca" }, { providers })).toEqual(["recover: provider-output!"]);
    expect(attached(world.base)).toEqual([{ url: "https://cdn.example/there.mp4" }]);
  });

  it("that is done and whose output cannot be seen fails nobody", async () => {
    const world = oneJobWorld(OLD);
    const { providers } = provider({ ...ANSWER, kind: "succeeded", urls: ["https://cdn.example/gone.mp4"] });
    expect(await swept(world, { provider: "nca" }, { providers })).toEqual(["unknown: evidence-contradicts"]);
  });

  it("that forgot the job leaves the decision to the storage", async () => {
    const world = oneJobWorld(OLD);
    const { providers } = provider({ ...ANSWER, kind: "forgotten" });
    expect(await swept(world, { provider: "nca" }, { providers })).toEqual(["fail: output-absent!"]);
  });

  it("decides alone where there are no names to probe", async () => {
    const world = oneJobWorld(OLD);
    const { providers } = provider({ ...ANSWER, kind: "unknown" });
    const operation = { provider: "nca", outputs: [] };
    expect(await swept(world, operation, { providers })).toEqual(["unknown: provider-silent"]);
  });
});
