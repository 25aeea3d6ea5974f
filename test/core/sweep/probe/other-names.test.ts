import { describe, expect, it } from "vitest";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { runOf } from "../../../support/fakes.ts";
import { OLD, oneJobWorld, swept } from "../../../support/one-job-world.ts";

describe("before a job is failed,", () => {
  it("a listing with another name of its id stops it, and reports the name", async () => {
    const world = oneJobWorld(OLD);
    world.bucket.listing = "open";
    world.bucket.objects.set("x1_final_cut.mp4", 10);
    expect(await swept(world)).toEqual(["unknown: output-under-another-name"]);
    const { report } = await sweep(runOf(world.base, world.bucket));
    expect(report.entries[0]?.verdict.detail).toBe("x1_final_cut.mp4");
  });

  it("a listing without its id allows it", async () => {
    const world = oneJobWorld(OLD);
    world.bucket.listing = "open";
    expect(await swept(world)).toEqual(["fail: output-absent!"]);
    expect(world.bucket.listed).toEqual(["x1"]);
  });

  it("a listing without a usable answer stops it", async () => {
    const world = oneJobWorld(OLD);
    world.bucket.listing = "unknown";
    expect(await swept(world)).toEqual(["unknown: storage-unreachable"]);
  });

  it("the worker's other names are probed where listing is refused", async () => {
    const world = oneJobWorld(OLD);
    world.bucket.objects.set("x1_captioned.mp4", 10);
    const otherNames = ["{externalId}_output_0.mp4", "{externalId}_captioned.mp4"];
    expect(await swept(world, {}, { otherNames })).toEqual(["unknown: output-under-another-name"]);
    world.bucket.objects.set("x1_captioned.mp4", "unreachable");
    expect(await swept(world, {}, { otherNames })).toEqual(["unknown: storage-unreachable"]);
    world.bucket.objects.delete("x1_captioned.mp4");
    expect(await swept(world, {}, { otherNames })).toEqual(["fail: output-absent!"]);
  });
});
