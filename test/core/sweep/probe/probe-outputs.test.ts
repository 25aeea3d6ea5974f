import { describe, expect, it } from "vitest";
import { named } from "../../../support/builders.ts";
import { attached, OLD, oneJobWorld, swept } from "../../../support/one-job-world.ts";

/** One output in three files. */
const outputs = [0, 1, 2].map((n) => ({ ...named(`{externalId}_output_${n}.mp4`), all: true }));

describe("an output", () => {
  it("of which a file is missing is waited for, and never fails its job", async () => {
    const young = oneJobWorld();
    young.bucket.objects.set("x1_output_0.mp4", 10);
    expect(await swept(young, { outputs })).toEqual(["wait: output-incomplete"]);
    const old = oneJobWorld(OLD);
    old.bucket.objects.set("x1_output_0.mp4", 10);
    expect(await swept(old, { outputs })).toEqual(["unknown: output-incomplete"]);
    expect(attached(old.base)).toBeUndefined();
  });

  it("that is a broken MP4 is not delivered, where the operation checks that", async () => {
    const world = oneJobWorld(OLD);
    world.bucket.objects.set("x1_output_0.mp4", 10);
    world.bucket.broken.add("x1_output_0.mp4");
    expect(await swept(world, { check: "mp4" })).toEqual(["unknown: suspect-output"]);
    expect(await swept(world, { check: null })).toEqual(["recover: output-found!"]);
  });
});
