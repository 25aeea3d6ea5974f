import type { BrakeSettings } from "../domain/brake-settings.ts";
import { type Duration, getAge } from "../domain/job.ts";
import type { RunRecord, VerdictRecord } from "../ports/journal.ts";
import type { Policy } from "../sweep/decide/triage.ts";
import { effectivePolicy } from "../sweep/list/finished-jobs.ts";
import {
  calibrationOf,
  type RecordedEvidence,
  type ReplayedVerdict,
  redecide,
} from "../sweep/report/verdict-records.ts";

/** A job that a run had decided, as the journal recorded it. */
export interface RecordedJob
  extends RecordedEvidence,
    Pick<VerdictRecord, "operation" | "decision" | "verdict" | "applied"> {}

/** The rules to decide by. */
export interface Rules {
  readonly policy: Policy;
  readonly failedStatus: string;
  readonly brake: BrakeSettings;
}

/** A job on which today's rules decide otherwise. */
export interface Difference {
  readonly id: string;
  readonly operation: string | null;
  readonly age: Duration | null;
  /** The verdict of the run. */
  readonly before: VerdictRecord["verdict"];
  readonly now: VerdictText;
}

interface VerdictText {
  readonly kind: string;
  readonly reason: string;
  readonly detail: string;
}

/** Reasons that the brake gives in place of the decision. */
const BRAKE_REASONS = ["brake-engaged", "fail-limit"];

interface Redecided {
  readonly job: RecordedJob;
  readonly now: ReplayedVerdict;
}

/**
 * Decides the jobs of a run again by other rules, on the evidence that was recorded. What follows the decision depends
 * on the base at that time and not on rules (an occupied target, a person who declined), and is no difference.
 */
export function replay(run: RunRecord, jobs: readonly RecordedJob[], rules: Rules): readonly Difference[] {
  const redecided = jobs.map((job) => {
    return { job, now: redecide(job, effectivePolicy(job, rules), run.now, calibrationOf(job.operation, run)) };
  });
  const braked = replayBrake(redecided, run, rules);
  return redecided.flatMap(({ job, now }): readonly Difference[] => {
    const after = braked.get(job) ?? now;
    const before = BRAKE_REASONS.includes(job.verdict.reason) ? job.verdict : job.decision;
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

/** Returns the verdicts that the brake changes, as far as the run recorded whether an output of the operation was seen. */
function replayBrake(
  redecided: readonly Redecided[],
  { failedBefore, blocked, force, ...calibrations }: RunRecord,
  rules: Rules,
): ReadonlyMap<RecordedJob, VerdictText> {
  const changed = new Map<RecordedJob, VerdictText>();
  const absent = redecided.filter(({ now }) => now.reason === "output-absent");
  for (const operation of new Set(absent.map(({ job }) => job.operation))) {
    const own = redecided.filter(({ job, now }) => job.operation === operation && now.kind !== "not-stuck");
    const wouldFail = absent.filter(({ job }) => job.operation === operation);
    const before = failedBefore[operation ?? ""] ?? 0;
    const limit = rules.brake.minimum;
    const seen = own.some(({ job }) => job.probeGroups.flat().some(({ result }) => result === "present"));
    const fails = wouldFail.length + before;
    for (const { job } of wouldFail) {
      if (!force && fails > limit && !seen && blocked.includes(operation ?? "")) {
        const detail = `${fails} are over the limit of ${limit}`;
        changed.set(job, { kind: "unknown", reason: "brake-engaged", detail });
      } else if (!force && fails > limit && !seen) {
        const detail = `if an output of ${operation} can be seen: ${fails} are over the limit of ${limit}`;
        changed.set(job, { kind: "fail", reason: "output-absent", detail });
      } else if (calibrationOf(operation, calibrations) === null && job.decision.reason !== "output-absent") {
        const detail = "if the bucket answers 404 for what is missing: the run did not find out";
        changed.set(job, { kind: "fail", reason: "output-absent", detail });
      }
    }
  }
  const toFail = redecided.filter(({ job, now }) => (changed.get(job) ?? now).kind === "fail");
  for (const { job } of toFail.slice(rules.brake.maxFails)) {
    changed.set(job, { kind: "wait", reason: "fail-limit", detail: `at most ${rules.brake.maxFails} a run` });
  }
  return changed;
}
