import { describe, expect, it } from "vitest";
import type { Provider } from "../../../../src/core/ports/ports.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { COMBINE, named, POLICY } from "../../../support/builders.ts";
import { type FakeBucket, runOf } from "../../../support/fakes.ts";
import { ANSWER } from "../../../support/one-job-world.ts";
import { combine, verdicts, worldOf } from "../../../support/sweep-world.ts";

/** Asked, a provider says that the job is done and names this URL. */
function providerOf(url: string, bucket: FakeBucket): Provider {
  const answer = { ...ANSWER, kind: "succeeded", urls: [url] } as const;
  const status = { ask: async () => answer, requests: () => 1 };
  const probe: Provider["probe"] = async (named) => {
    const output = { url: named, bytes: 9, contentType: null, etag: null, lastModified: null };
    return named.startsWith(bucket.urlFor(""))
      ? await bucket.probe(named)
      : { result: "present", url: named, detail: "HTTP 200", output };
  };
  return { url: "https://nca.example", status, probe, requests: () => 0 };
}

function sweepWithProvider(url: string, everythingElse: "missing" | "present") {
  const { base, bucket } = worldOf([combine(1)]);
  const probe = bucket.probe.bind(bucket);
  bucket.probe = async (asked) => {
    if (everythingElse === "present" && !asked.includes("x1_output_0")) bucket.objects.set(asked.slice(23), 32);
    return await probe(asked);
  };
  const policy = { ...POLICY, operations: [{ ...COMBINE, provider: "nca" }] };
  return sweep(runOf(base, bucket, { policy, providers: new Map([["nca", providerOf(url, bucket)]]) }));
}

describe("before a delivery, a key that nobody has", () => {
  it("holds back what a provider named in a bucket that has every key", async () => {
    const { report } = await sweepWithProvider("https://bucket.example/x1-final.mp4", "present");
    expect(verdicts(report.entries)).toEqual(["unknown: place-answers-everything"]);
  });

  it("is not looked up for what a provider keeps on a host of its own", async () => {
    const { report } = await sweepWithProvider("https://nca.example/x1-final.mp4", "present");
    expect(verdicts(report.entries)).toEqual(["recover: provider-output!"]);
  });

  it("is looked up once for names that do not hold the external id", async () => {
    const { base, bucket } = worldOf([combine(1), combine(2), combine(3)]);
    for (const id of base.jobs.keys()) bucket.objects.set(`${id}.mp4`, 7);
    const policy = { ...POLICY, operations: [{ ...COMBINE, outputs: [named("{recordId}.mp4")] }] };
    const { report } = await sweep(runOf(base, bucket, { policy }));
    expect(verdicts(report.entries)).toEqual(Array(3).fill("recover: output-found!"));
    expect(bucket.probed).toHaveLength(4);
  });
});
