import { describe, expect, it } from "vitest";
import type { ResendResult } from "../../../../src/core/ports/ports.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { HOUR } from "../../../support/builders.ts";
import { type FakeBase, runOf, stillClock } from "../../../support/fakes.ts";
import { MemoryJournal } from "../../../support/journal.ts";
import { combine, FIELD, worldOf } from "../../../support/sweep-world.ts";

const SECOND = 1_000;

/** A journal that takes this long to record a write, the first `times` times. */
class SlowJournal extends MemoryJournal {
  readonly #wait: () => void;
  #left: number;

  constructor(clock: { at: number }, ms: number, times: number) {
    super();
    this.#left = times;
    this.#wait = () => {
      if (this.#left > 0) clock.at += ms;
      this.#left -= 1;
    };
  }

  override async recordIntent(...args: Parameters<MemoryJournal["recordIntent"]>) {
    const complete = await super.recordIntent(...args);
    this.#wait();
    return complete;
  }

  override async recordWebhookIntent(...args: Parameters<MemoryJournal["recordWebhookIntent"]>) {
    const complete = await super.recordWebhookIntent(...args);
    this.#wait();
    return complete;
  }
}

function slowWorld(times: number) {
  const clock = stillClock();
  const journal = new SlowJournal(clock, 6 * SECOND, times);
  const world = worldOf([combine(1), combine(2, { age: 2 * HOUR })]);
  world.base.clock = clock;
  world.bucket.objects.set("x1_output_0.mp4", 1);
  return { ...world, clock, journal };
}

/** What was read before each write, and how often it was read again. */
function requests(base: FakeBase): string {
  return base.log.filter((request) => request !== "list" && request !== "listCompleted").join(" ");
}

describe("what was read more than five seconds before its write could be sent", () => {
  it("is read again before a delivery and a failure, where recording them took long", async () => {
    const { base, bucket, clock, journal } = slowWorld(1);
    const { report } = await sweep(runOf(base, bucket, { clock, journal }));
    expect(report.summary).toMatchObject({ recovered: 1, failed: 1, errors: 0 });
    expect(requests(base)).toMatch(/^readJobs readTargets readJobs readTargets updateTargets updateJobs/);
  });

  it("is never written: not the target, not the job, not a failure", async () => {
    const { base, bucket, clock, journal } = slowWorld(Number.POSITIVE_INFINITY);
    const { report } = await sweep(runOf(base, bucket, { clock, journal }));
    expect(report.summary).toMatchObject({ recovered: 0, failed: 0, errors: 2 });
    expect(base.log.filter((request) => request.startsWith("update"))).toEqual([]);
    expect(base.targets.get("Segments")?.get("recSegs0000000001")?.fields[FIELD]).toBeUndefined();
    expect(journal.past().filter(({ possiblyApplied }) => possiblyApplied)).toEqual([]);
  });

  it("is read again before a webhook is sent", async () => {
    const { base, bucket, clock, journal } = slowWorld(1);
    const sentAfter: string[] = [];
    const webhooks = {
      async post(): Promise<ResendResult> {
        sentAfter.push(requests(base));
        base.edit("recJobs0000000001", { status: "completed" });
        return { kind: "accepted", detail: "HTTP 200" };
      },
      requests: () => sentAfter.length,
    };
    const job = combine(1, { webhookUrl: "https://app.example/hook" });
    base.jobs.set(job.id, job);
    await sweep(runOf(base, bucket, { clock, journal, webhooks, via: "webhook" }));
    expect(sentAfter).toEqual(["readJobs readTargets readJobs readTargets"]);
  });
});
