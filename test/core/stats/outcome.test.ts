import { describe, expect, it } from "vitest";
import type { Job } from "../../../src/core/domain/job.ts";
import {
  appendLine,
  completedLine,
  failedLine,
  failureText,
  supersededLine,
  undeliveredLine,
  undoneLine,
} from "../../../src/core/domain/notes.ts";
import { classifyOutcome } from "../../../src/core/stats/outcome.ts";

import { HOUR, job, NOW } from "../../support/builders.ts";

const STATUSES = { stuckStatuses: ["processing"], completedStatus: "completed", failedStatus: "failed" };
const BY = { runId: "r1", version: "1.2.3" };
const OUTPUT = { url: "https://b.example/a.mp4", bytes: 5, contentType: null, etag: null, lastModified: null };
const GATHERED = { probeGroups: [], providerReply: null, rule: "output-absent" };
const POLLED = completedLine([OUTPUT], { ...GATHERED, rule: "output-found" }, NOW, BY);
const FAILED = failedLine(GATHERED, NOW, BY);

const outcomeOf = (over: Partial<Job>, completedAt: number | null = null) =>
  classifyOutcome({ job: job(over), completedAt }, STATUSES);

describe("the outcome of a job", () => {
  const done = (over: Partial<Job>) => outcomeOf({ status: "completed", ...over });

  it("is completed by polling, at the time of our last line in the notes", () => {
    const expected = { kind: "completed", by: "polling", late: false, at: NOW };
    expect(done({ notes: appendLine("by hand", POLLED) })).toEqual(expected);
    expect(done({ notes: supersededLine("recNewer", NOW, BY) })).toEqual(expected);
  });

  it.each([
    '{"completed_via":"polling"}',
    "{'output_url': 'x', 'completed_via': 'polling'}",
    '{"completed_via":"stuck_job_polling"}',
  ])("is by polling where the response says so, at no known moment: %s", (responsePayload) => {
    expect(done({ responsePayload })).toEqual({ kind: "completed", by: "polling", late: false, at: null });
  });

  it("is completed by webhook without our line, and after an undo", () => {
    expect(outcomeOf({ status: "completed" }, NOW)).toEqual({ kind: "completed", by: "webhook", late: false, at: NOW });
    const undone = appendLine(POLLED, undoneLine("r1", NOW, BY));
    expect(done({ notes: undone })).toMatchObject({ by: "webhook" });
    expect(done({ notes: appendLine(undone, POLLED) })).toMatchObject({ by: "polling" });
  });

  it("is late where stuck-jobs or the earlier poller had failed the job", () => {
    expect(done({ notes: appendLine(FAILED, POLLED) })).toMatchObject({ by: "polling", late: true });
    expect(done({ notes: "Timed out via polling after 60 minutes" })).toMatchObject({ by: "webhook", late: true });
  });

  const failed = (over: Partial<Job>) => outcomeOf({ status: "failed", ...over });
  const text = (rule: string, answer: "failed" | "unknown") =>
    failureText(
      NOW - HOUR,
      HOUR,
      {
        probeGroups: [],
        rule,
        providerReply:
          answer === "unknown"
            ? null
            : {
                provider: "nca",
                url: "https://n.example",
                answer: { kind: "failed", error: "no such codec", detail: "d", worker: null },
                probes: [],
              },
      },
      null,
      NOW,
      BY,
    );

  it.each([
    ["the rule in its line", { notes: FAILED }, "output-absent"],
    ["the rule in its error", { error: text("provider-failed", "failed") }, "provider-failed"],
    ["an early error", { error: text("x", "unknown").replace(/, rule x\.$/, ".") }, "output-absent"],
    ["an early error of a provider", { error: text("x", "failed").replace(/, rule x\.$/, ".") }, "provider-failed"],
    ["the earlier poller's note", { notes: "Timed out via polling" }, "timed out (earlier poller)"],
    [
      "a file that was dropped twice",
      { notes: undeliveredLine("a.mp4", "empty", NOW, BY) },
      "file dropped by Airtable",
    ],
  ])("by polling is known by %s", (_, over, reason) => {
    expect(failed(over)).toEqual({ kind: "failed", by: "polling", reason });
  });

  it("is failed by others for the first line of the error, without what differs from job to job", () => {
    const error = "no file 0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11 of rec12345678901234 at https://a.example/b\ntrace";
    expect(failed({ error })).toEqual({ kind: "failed", by: "webhook", reason: "no file … of … at …" });
    expect(failed({ error: null })).toMatchObject({ reason: "no reason given" });
    expect(failed({ notes: appendLine(FAILED, undoneLine("r1", NOW, BY)), error: "other" })).toMatchObject({
      by: "webhook",
    });
  });
});
