import { describe, expect, it } from "vitest";
import type { Operation } from "../../../../src/core/domain/operation.ts";
import { JournalError } from "../../../../src/core/ports/errors.ts";
import type { ResendResult, WebhookResend } from "../../../../src/core/ports/ports.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { COMBINE, job, MINUTE, POLICY, SEGMENT } from "../../../support/builders.ts";
import { FakeBase, FakeBucket, runOf, stillClock } from "../../../support/fakes.ts";
import { MemoryJournal } from "../../../support/journal.ts";
import { FIELD } from "../../../support/sweep-world.ts";

const JOB = "recJob00000000001";
const WEBHOOK = "https://app.example/hook?operation=combine";

function world(handler: (base: FakeBase, resend: WebhookResend) => ResendResult, webhookUrl: string | null = WEBHOOK) {
  const base = new FakeBase([job({ id: JOB, externalId: "x1", webhookUrl })]);
  base.target("Segments", SEGMENT);
  const bucket = new FakeBucket();
  bucket.objects.set("x1_output_0.mp4", 10);
  const posted: WebhookResend[] = [];
  const webhooks = {
    post: async (resend: WebhookResend) => {
      posted.push(resend);
      return handler(base, resend);
    },
    requests: () => posted.length,
  };
  const swept = async (over: Partial<Operation> = {}, run: Partial<Parameters<typeof runOf>[2]> = {}) => {
    const policy = { ...POLICY, operations: [{ ...COMBINE, completeVia: "webhook" as const, ...over }] };
    const { report } = await sweep(runOf(base, bucket, { policy, webhooks, ...run }));
    return report.entries[0];
  };
  return { base, bucket, posted, swept };
}

/** The application's handler, as it completes a job. */
function completes(base: FakeBase): ResendResult {
  base.edit(JOB, { status: "completed" });
  return { kind: "accepted", detail: "HTTP 200" };
}

/** A journal that can be opened, and fails at the first line. */
class FullJournal extends MemoryJournal {
  #isFull = false;

  override async recordWebhookIntent() {
    this.#isFull = true;
    return async () => undefined;
  }

  override async isWritable() {
    return !this.#isFull;
  }
}

describe("a lost webhook", () => {
  it("is sent again, and the job is left to the application's handler", async () => {
    const { base, posted, swept } = world(completes);
    expect(await swept()).toMatchObject({ applied: true, error: null, verdict: { reason: "output-found" } });
    expect(posted).toMatchObject([
      { webhookUrl: WEBHOOK, externalId: "x1", outputs: ["https://bucket.example/x1_output_0.mp4"] },
    ]);
    expect(base.log).not.toContain("updateTargets");
    expect(base.jobs.get(JOB)?.notes).not.toContain("Completed via polling");
  });

  it("is sent again with --via webhook, whatever the operation says, and not with --via direct", async () => {
    const byFlag = world(completes);
    await byFlag.swept({ completeVia: "direct" }, { via: "webhook" });
    expect(byFlag.posted).toHaveLength(1);
    const direct = world(completes);
    await direct.swept({ completeVia: "webhook" }, { via: "direct" });
    expect(direct.posted).toHaveLength(0);
    expect(direct.base.log).toContain("updateJobs");
  });

  it("is followed by a direct write where the handler did not complete the job", async () => {
    const { base, posted, swept } = world(() => ({ kind: "accepted", detail: "HTTP 200" }));
    expect(await swept()).toMatchObject({ applied: true });
    expect(posted).toHaveLength(1);
    expect(base.jobs.get(JOB)?.notes).toContain("Completed via polling");
  });

  it("is reported where the handler did not complete the job and fallback is none", async () => {
    const { base, swept } = world(() => ({ kind: "accepted", detail: "HTTP 200" }));
    const entry = await swept({ fallback: "none" });
    expect(entry).toMatchObject({ applied: false });
    expect(entry?.error).toContain("HTTP 200");
    expect(base.jobs.get(JOB)?.status).toBe("processing");
  });

  it("is not followed by a write where the answer was lost and the handler completed the job", async () => {
    const { base, swept } = world((base) => {
      completes(base);
      return { kind: "unknown", detail: "timed out" };
    });
    expect(await swept()).toMatchObject({ applied: true });
    expect(base.jobs.get(JOB)?.notes).not.toContain("Completed via polling");
  });

  it("leaves the job to the next run where the handler gave no answer, since it may still be working", async () => {
    const { base, swept } = world(() => ({ kind: "unknown", detail: "timed out" }));
    expect(await swept()).toMatchObject({ applied: false, error: expect.stringContaining("timed out") });
    expect(base.jobs.get(JOB)?.status).toBe("processing");
  });

  it("is not sent where the job has no URL for it, or changed meanwhile", async () => {
    const without = world(completes, null);
    expect(await without.swept({ fallback: "none" })).toMatchObject({ applied: false });
    expect(without.posted).toEqual([]);
    const changed = world(completes);
    changed.base.before = (request) => {
      if (request === "readJobs") changed.base.edit(JOB, { status: "failed" });
    };
    expect(await changed.swept()).toMatchObject({ verdict: { reason: "changed-meanwhile" } });
    expect(changed.posted).toEqual([]);
  });

  it.each<ResendResult["kind"]>(["accepted", "failed", "refused", "unknown"])(
    "is sent once over all runs where its handler answered %s",
    async (kind) => {
      const journal = new MemoryJournal();
      const { base, posted, swept } = world(() => ({ kind, detail: "HTTP 500" }));
      for (const run of [1, 2, 3]) {
        const entry = await swept({ fallback: "none" }, { journal });
        expect([run, entry?.applied, entry?.error]).toEqual([run, false, expect.stringContaining("was not changed")]);
      }
      expect(posted).toHaveLength(1);
      expect(base.jobs.get(JOB)?.status).toBe("processing");
    },
  );

  it("is written directly where its handler answered with an error of its own", async () => {
    const { base, posted, swept } = world(() => ({ kind: "failed", detail: "HTTP 500" }));
    expect(await swept({}, { journal: new MemoryJournal() })).toMatchObject({ applied: true });
    expect([posted.length, base.jobs.get(JOB)?.status]).toEqual([1, "completed"]);
  });

  it("is written directly by the next run where the answer was broken off", async () => {
    const journal = new MemoryJournal();
    const { base, posted, swept } = world(() => ({ kind: "unknown", detail: "sent, but reset" }));
    expect(await swept({}, { journal })).toMatchObject({ applied: false });
    expect(await swept({}, { journal })).toMatchObject({ applied: true });
    expect([posted.length, base.jobs.get(JOB)?.status]).toEqual([1, "completed"]);
  });

  it("is not sent again after a run that was killed while it was sent", async () => {
    const journal = new MemoryJournal();
    await journal.recordWebhookIntent(
      { id: JOB, externalId: "x1", operation: "combine", since: null, age: null },
      { runId: "killed", command: "recover" },
    );
    const { posted, swept } = world(completes);
    await swept({ fallback: "none" }, { journal });
    expect(posted).toEqual([]);
  });

  it("is sent again where it never connected, where the job has another external id, and by --job with --force", async () => {
    const journal = new MemoryJournal();
    const { base, posted, swept } = world(() => ({ kind: "not-sent", detail: "connection refused" }));
    await swept({ fallback: "none" }, { journal });
    await swept({ fallback: "none" }, { journal });
    expect(posted).toHaveLength(2);
    const once = world(() => ({ kind: "refused", detail: "HTTP 404" }));
    await once.swept({ fallback: "none" }, { journal });
    await once.swept({ fallback: "none" }, { journal, force: true });
    await once.swept({ fallback: "none" }, { journal, named: [JOB] });
    expect(once.posted).toHaveLength(1);
    await once.swept({ fallback: "none" }, { journal, named: [JOB], force: true });
    expect(once.posted).toHaveLength(2);
    expect(base.jobs.get(JOB)?.status).toBe("processing");
  });

  it("is noted in the job before it is sent where there is no journal, and is sent once", async () => {
    const { base, posted, swept } = world((base) => {
      expect(base.jobs.get(JOB)?.notes).toContain("Webhook sent again via polling at");
      return { kind: "failed", detail: "HTTP 500" };
    });
    await swept({ fallback: "none" }, { journal: null, hasNotes: true });
    await swept({ fallback: "none" }, { journal: null, hasNotes: true });
    expect(posted).toHaveLength(1);
    expect(base.jobs.get(JOB)?.status).toBe("processing");
  });

  it("is not sent where the journal's disk is full when it is announced, unless it can be noted", async () => {
    const { posted, swept } = world(() => ({ kind: "failed", detail: "HTTP 500" }));
    const unnoted = await swept({ fallback: "none" }, { journal: new FullJournal(), hasNotes: false });
    expect(unnoted?.error).toContain("could not be recorded in a journal");
    expect(posted).toEqual([]);
    await swept({ fallback: "none" }, { journal: new FullJournal(), hasNotes: true });
    await swept({ fallback: "none" }, { journal: null, hasNotes: true });
    expect(posted).toHaveLength(1);
  });

  it("is not sent again where the journal that announced it can only be read by now", async () => {
    const { posted, swept } = world(() => ({ kind: "failed", detail: "HTTP 500" }));
    const journal = new MemoryJournal();
    await swept({ fallback: "none" }, { journal });
    journal.isWritable = async () => false;
    await swept({ fallback: "none" }, { journal });
    expect(posted).toHaveLength(1);
  });

  it("is an error before anything is written where neither journal nor notes can remember it", async () => {
    const { base, posted, swept } = world(completes);
    await expect(swept({}, { journal: null, hasNotes: false })).rejects.toBeInstanceOf(JournalError);
    expect(posted).toEqual([]);
    expect(base.log.filter((request) => request.startsWith("update"))).toEqual([]);
  });

  it("is in the journal before it is sent, unless the handler refused it", async () => {
    const journal = new MemoryJournal();
    const { posted, swept } = world((base) => {
      expect(journal.webhooks).toMatchObject([{ run: "run-1", job: { id: JOB, externalId: "x1" } }]);
      return completes(base);
    });
    await swept({}, { journal });
    expect([posted.length, journal.webhooks.length]).toEqual([1, 1]);
    const refusing = new MemoryJournal();
    await world(() => ({ kind: "refused", detail: "HTTP 404" })).swept({ fallback: "none" }, { journal: refusing });
    expect(refusing.webhooks).toEqual([]);
    await world(completes).swept({}, { journal: refusing, dryRun: true });
    expect(refusing.webhooks).toEqual([]);
  });

  it("is not called sent where it was refused", async () => {
    const refused = await world(() => ({ kind: "refused", detail: "HTTP 404" })).swept({ fallback: "none" });
    expect(refused?.error).toBe("its webhook was not accepted: HTTP 404; the job was not changed");
  });

  it("is not sent in a dry run", async () => {
    const { posted, swept } = world(completes);
    expect(await swept({}, { dryRun: true })).toMatchObject({ applied: false, verdict: { kind: "recover" } });
    expect(posted).toEqual([]);
  });

  it("is not reported as completed where the handler failed the job instead", async () => {
    const { swept } = world((base) => {
      base.edit(JOB, { status: "failed" });
      return { kind: "accepted", detail: "HTTP 200" };
    });
    expect(await swept()).toMatchObject({ applied: false, verdict: { kind: "skip", reason: "changed-meanwhile" } });
  });

  it("is sent after a fresh read, however long the posts before it took", async () => {
    const jobs = [1, 2, 3].map((n) =>
      job({
        id: `recJob0000000000${n}`,
        externalId: `x${n}`,
        webhookUrl: WEBHOOK,
        links: { Segments: [`recSegment000000${n}`] },
        // The oldest are probed first, and written first.
        age: (20 - n) * MINUTE,
      }),
    );
    const base = new FakeBase(jobs);
    const bucket = new FakeBucket();
    for (const n of [1, 2, 3]) {
      base.target("Segments", `recSegment000000${n}`);
      bucket.objects.set(`x${n}_output_0.mp4`, 10);
    }
    const clock = stillClock();
    const posted: string[] = [];
    const webhooks = {
      async post({ externalId }: WebhookResend): Promise<ResendResult> {
        clock.at += 6_000;
        posted.push(externalId);
        base.edit(`recJob0000000000${externalId.slice(1)}`, { status: "completed" });
        // Someone else fails the last one meanwhile.
        base.edit("recJob00000000003", { status: "failed" });
        return { kind: "accepted", detail: "HTTP 200" };
      },
      requests: () => posted.length,
    };
    const policy = { ...POLICY, operations: [{ ...COMBINE, completeVia: "webhook" as const }] };
    await sweep(runOf(base, bucket, { policy, webhooks, clock }));
    expect(posted).toEqual(["x1", "x2"]);
    expect(base.jobs.get("recJob00000000003")?.status).toBe("failed");
  });

  it.each(["skip", "replace", "append"] as const)(
    "is not sent for an older job, with onExisting %s, whose newer one's was: the older job is closed directly",
    async (onExisting) => {
      const journal = new MemoryJournal();
      const { base, bucket, posted, swept } = world(completes);
      await swept({ onExisting }, { journal });
      base.target("Segments", SEGMENT, {
        [FIELD]: [{ id: "attByTheHandler01", url: "https://bucket.example/x1_output_0.mp4" }],
      });
      const older = job({ id: "recJob00000000000", externalId: "x0", age: 30 * MINUTE, webhookUrl: WEBHOOK });
      base.jobs.set(older.id, older);
      bucket.objects.set("x0_output_0.mp4", 10);
      const entry = await swept({ onExisting }, { journal });
      expect(entry).toMatchObject({ applied: true, verdict: { reason: "superseded", supersededBy: JOB } });
      expect(posted.map(({ externalId }) => externalId)).toEqual(["x1"]);
      expect(base.jobs.get("recJob00000000000")?.notes).toContain(`superseded by job ${JOB}`);
    },
  );
});
