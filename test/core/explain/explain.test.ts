import { expect, it } from "vitest";
import { explain } from "../../../src/core/explain/explain.ts";
import { COMBINE, HOUR, MINUTE, named, POLICY } from "../../support/builders.ts";
import { runOf } from "../../support/fakes.ts";
import { ANSWER, provider } from "../../support/one-job-world.ts";
import { combine, worldOf } from "../../support/sweep-world.ts";

const NAMES = ["x1.mp4", "x1_output_0.mp4"];
const OPERATION = {
  ...COMBINE,
  provider: "nca",
  outputs: [named("{externalId}_output_0.mp4"), named("{externalId}.mp4")],
};
const policy = { ...POLICY, operations: [OPERATION] };

it.each([
  ["there", 10 * MINUTE, "output-found", []],
  ["not there", 10 * MINUTE, "output-pending", ["x1"]],
  ["not there, and is due to be failed", 2 * HOUR, "output-absent", ["x1"]],
])("explain probes and asks once where the output is %s, with the verdict of a sweep", async (_, age, reason, ids) => {
  const { base, bucket } = worldOf([combine(1, { age })]);
  if (reason === "output-found") bucket.objects.set("x1_output_0.mp4", 1000);
  const { providers, asked } = provider({ ...ANSWER, kind: "forgotten" });
  const [explained] = await explain("recJobs0000000001", runOf(base, bucket, { policy, providers, dryRun: true }));
  expect(explained?.verdict?.reason).toBe(reason);
  expect(explained?.entry.probes.map(({ url }) => url.split("/").at(-1)).toSorted()).toEqual(NAMES);
  expect(bucket.probed.filter((name) => NAMES.includes(name)).toSorted()).toEqual(NAMES);
  expect(asked).toEqual(ids);
});

it("explain decides by itself about a job that the sweep does not reach", async () => {
  const { base, bucket } = worldOf([combine(1)]);
  bucket.objects.set("x1_output_0.mp4", 1000);
  const list = base.list.bind(base);
  base.list = async function* (query) {
    for await (const page of list(query)) yield page.filter(({ id }) => id !== "recJobs0000000001");
  };
  const [explained] = await explain("recJobs0000000001", runOf(base, bucket, { policy, dryRun: true }));
  expect(explained?.verdict?.reason).toBe("output-found");
});
