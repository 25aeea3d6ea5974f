import { describe, expect, it } from "vitest";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { HOUR } from "../../../support/builders.ts";
import { runOf } from "../../../support/fakes.ts";
import { combine, verdicts, worldOf } from "../../../support/sweep-world.ts";

/** A job with an output, and an expired one without. */
function world() {
  const made = worldOf([combine(1), combine(2, { age: 2 * HOUR })]);
  made.bucket.objects.set("x1_output_0.mp4", 1);
  return made;
}

describe("--confirm", () => {
  it("leaves a job alone that the person declines, and reports it as not confirmed", async () => {
    const { base, bucket } = world();
    const { report } = await sweep(runOf(base, bucket, { confirm: async () => "no" }));
    expect(verdicts(report.entries)).toEqual(["skip: not-confirmed", "skip: not-confirmed"]);
    expect(base.log.filter((request) => request.startsWith("update"))).toEqual([]);
  });

  it("asks about each job with its verdict, and writes what the person agrees to", async () => {
    const { base, bucket } = world();
    const asked: string[] = [];
    const run = runOf(base, bucket, {
      async confirm({ externalId, verdict }) {
        asked.push(`${externalId} ${verdict.reason}`);
        return "yes";
      },
    });
    const { report } = await sweep(run);
    expect(asked).toEqual(["x1 output-found", "x2 output-absent"]);
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!", "recover: output-found!"]);
  });

  it("asks about no further job once the run has to end", async () => {
    const { base, bucket } = world();
    const start = new AbortController();
    const never = new AbortController().signal;
    const run = runOf(base, bucket, {
      limits: { listing: never, start: start.signal, reads: never, writes: never },
      async confirm() {
        start.abort();
        return "no";
      },
    });
    const { report } = await sweep(run);
    expect(verdicts(report.entries)).toEqual(["skip: not-confirmed", "wait: not-reached"]);
    expect(report.truncated).toBe(true);
  });
});
