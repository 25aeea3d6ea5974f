import type { ProbeResult } from "../core/domain/evidence.ts";
import type { Entry, Report } from "../core/domain/report.ts";
import {
  JournalError,
  StorageConfigError,
  TableRefused,
  UpstreamError,
  type UpstreamFailure,
  WritesRefused,
} from "../core/ports/errors.ts";
import type { CheckResult, Subject } from "../doctor/check-result.ts";

/** The exit codes of the contract; docs and scripts rely on them. */
export const EXIT = {
  success: 0,
  internalError: 1,
  usage: 2,
  partial: 3,
  auth: 4,
  unavailable: 5,
  brake: 6,
  stuckFound: 10,
  locked: 75,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Returns the exit code of an upstream failure: the base, the storage or the journal. */
export function exitCodeOfFailure(error: UpstreamFailure): ExitCode {
  if (!(error instanceof UpstreamError)) return EXIT.usage;
  switch (error.code) {
    case "auth":
      return EXIT.auth;
    case "config":
      return EXIT.usage;
    case "unavailable":
      return EXIT.unavailable;
  }
}

/** Returns the exit code of a finished sweep: the most severe that applies. */
export function exitCodeOf(report: Report, failure: UpstreamFailure | null): ExitCode {
  if (failure instanceof JournalError) return EXIT.partial;
  // With nothing written there is no report.
  if (failure instanceof StorageConfigError) return EXIT.partial;
  if (failure instanceof TableRefused) return EXIT.partial;
  if (failure instanceof WritesRefused) return exitCodeOfFailure(failure);
  if (failure instanceof UpstreamError && failure.code === "config") return EXIT.partial;
  if (failure !== null) return exitCodeOfFailure(failure);
  if (report.brake !== null) return EXIT.brake;
  if (report.summary.errors > 0) return EXIT.partial;
  return nothingDecided(report) ? EXIT.unavailable : EXIT.success;
}

/**
 * Most severe first: what needs a person comes before what passes by itself, and a base without any result before one
 * with a partial result. The code of one sweep follows the same order.
 */
const BY_SEVERITY: readonly ExitCode[] = [
  EXIT.internalError,
  EXIT.interrupted,
  EXIT.terminated,
  EXIT.auth,
  EXIT.unavailable,
  EXIT.brake,
  EXIT.partial,
  EXIT.usage,
  EXIT.locked,
  EXIT.stuckFound,
  EXIT.success,
];

/**
 * Returns the exit code for several bases: the most severe of theirs. Code 2 promises that nothing was written, so it
 * becomes 3 where another base was swept.
 */
export function exitCodeOfAll(codes: readonly ExitCode[]): ExitCode {
  const nothing = !codes.some((code) => code !== EXIT.usage && code !== EXIT.locked);
  const applied = nothing ? codes : codes.map((code) => (code === EXIT.usage ? EXIT.partial : code));
  return BY_SEVERITY.find((code) => applied.includes(code)) ?? EXIT.success;
}

/** Returns whether there were jobs to probe, and of none of them an answer said anything. */
export function nothingDecided({ entries }: Report): boolean {
  let undecided = false;
  for (const entry of entries) {
    if (isUndecided(entry)) undecided = true;
    // A job skipped for lack of a target was probed too: no answer there either means nothing was decided.
    else if (entry.probes.some(isAnswer)) return false;
  }
  return undecided;
}

function isUndecided({ verdict, probes }: Entry): boolean {
  switch (verdict.reason) {
    case "storage-unreachable":
    case "place-answers-everything":
      return true;
    case "answer-ambiguous":
      return !probes.some(isAnswer);
    case "not-reached":
      return probes.length === 0;
    default:
      return false;
  }
}

/** A 403 and a 404 are understood; a redirect elsewhere, 400 or 405 is an answer to another question. */
function isAnswer(probe: ProbeResult): boolean {
  return probe.result !== "unknown" || !["unreachable", "redirected", "unexpected"].includes(probe.cause);
}

/** In the order in which a run meets them. */
const CODES: readonly (readonly [Subject, ExitCode])[] = [
  ["configuration", EXIT.usage],
  ["token", EXIT.auth],
  ["upstream", EXIT.unavailable],
];

/** Returns the exit code of doctor: that of the failure a run meets first. Warnings do not count. */
export function exitCodeOfChecks(findings: readonly CheckResult[]): ExitCode {
  const matters = findings.flatMap((finding) => (finding.level === "fail" ? [finding.matter] : []));
  return CODES.find(([matter]) => matters.includes(matter))?.[1] ?? EXIT.success;
}
