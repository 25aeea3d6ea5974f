import { type Duration, getAge } from "../domain/job.ts";
import type { RunRecord, VerdictRecord } from "../ports/journal.ts";
import { type BrakeSettings, failLimit } from "../sweep/decide/brake.ts";
import type { Policy } from "../sweep/decide/triage.ts";
import { effectivePolicy } from "../sweep/list/finished-jobs.ts";
import { type RecordedEvidence, type ReplayedVerdict, redecide } from "../sweep/report/verdict-records.ts";

/** A job that a run had judged, as the journal tells it. */
export interface RecordedJob
  extends RecordedEvidence,
    Pick<VerdictRecord, "operation" | "decision" | "verdict" | "applied"> {}

/** The rules to judge by. */
export interface Rules {
  readonly policy: Policy;
  readonly failedStatus: string;
  readonly brake: BrakeSettings;
}

/** A job on which today's rules would have decided otherwise. */
export interface Difference {
  readonly id: string;
  readonly operation: string | null;
  readonly age: Duration | null;
  /** What had become of it. */
  readonly before: VerdictRecord["verdict"];
  readonly now: { readonly kind: string; readonly reason: string; readonly detail: string };
}

/** Verdicts that the brake gave in the place of `decided`. */
const BY_BRAKE = ["brake-engaged", "fail-limit"];

/**
 * Judges the jobs of a run anew by other rules, on the evidence of then. What comes after the decision rests on the
 * base of then and not on rules (a target that was occupied, a person who declined), and is no difference.
 */
export function replay(run: RunRecord, jobs: readonly RecordedJob[], rules: Rules): readonly Difference[] {
  const judged = jobs.map((job) => ({
    job,
    now: redecide(job, effectivePolicy(job, rules), run.now, run.calibration),
  }));
  const braked = brake(judged, run, rules);
  return judged.flatMap(({ job, now }): readonly Difference[] => {
    const after = braked.get(job) ?? now;
    const before = BY_BRAKE.includes(job.verdict.reason) ? job.verdict : job.decision;
    if (before.kind === after.kind && before.reason === after.reason) return [];
    const { kind, reason, detail } = after;
    return [
      {
        id: job.job.id,
        operation: job.operation,
        age: getAge(job.job, run.now),
        before: job.verdict,
        now: { kind, reason, detail },
      },
    ];
  });
}

type VerdictText = { readonly kind: string; readonly reason: string; readonly detail: string };

/** What the brake makes of the fails, as far as the run recorded whether an output of the operation could be seen. */
function brake(
  judged: readonly { readonly job: RecordedJob; readonly now: ReplayedVerdict }[],
  { failedBefore, blocked, force, calibration }: RunRecord,
  rules: Rules,
): ReadonlyMap<RecordedJob, VerdictText> {
  const said = new Map<RecordedJob, VerdictText>();
  const failing = judged.filter(({ now }) => now.reason === "output-absent");
  for (const operation of new Set(failing.map(({ job }) => job.operation))) {
    const own = judged.filter(({ job, now }) => job.operation === operation && now.kind !== "not-stuck");
    const wouldFail = failing.filter(({ job }) => job.operation === operation);
    const before = failedBefore[operation ?? ""] ?? 0;
    const limit = failLimit(own.length + before, rules.brake);
    const seen = own.some(({ job }) => job.probeGroups.flat().some(({ result }) => result === "present"));
    const most = wouldFail.length + before;
    for (const { job } of wouldFail) {
      if (!force && most > limit && !seen && blocked.includes(operation ?? "")) {
        said.set(job, { kind: "unknown", reason: "brake-engaged", detail: `${most} are over the limit of ${limit}` });
      } else if (!force && most > limit && !seen) {
        const detail = `if an output of ${operation} can be seen: ${most} are over the limit of ${limit}`;
        said.set(job, { kind: "fail", reason: "output-absent", detail });
      } else if (calibration === null && job.decision.reason !== "output-absent") {
        const detail = "if the place proves to answer 404 for what is missing: the run did not find out";
        said.set(job, { kind: "fail", reason: "output-absent", detail });
      }
    }
  }
  const fails = judged.filter(({ job, now }) => (said.get(job) ?? now).kind === "fail");
  for (const { job } of fails.slice(rules.brake.maxFails)) {
    said.set(job, { kind: "wait", reason: "fail-limit", detail: `at most ${rules.brake.maxFails} a run` });
  }
  return said;
}
