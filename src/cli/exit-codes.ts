import type { ProbeResult } from "../core/domain/evidence.ts";
import type { Entry, Report } from "../core/domain/report.ts";
import { JournalError, UpstreamError, type UpstreamFailure } from "../core/ports/errors.ts";
import type { CheckResult, Subject } from "../doctor/check-result.ts";

/** The exit codes of the contract; docs and scripts rely on them. */
export const EXIT = {
  done: 0,
  fault: 1,
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

/** The exit code for a base that could not be asked, a storage that refuses our credentials, a journal that is closed. */
export function exitCodeOfFault(error: UpstreamFailure): ExitCode {
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

/** The exit code for a sweep that came to its end: the gravest of what its report tells. */
export function exitCodeOf(report: Report, internalError: UpstreamFailure | null): ExitCode {
  if (internalError instanceof JournalError) return EXIT.partial;
  if (internalError instanceof UpstreamError && internalError.code === "config") return EXIT.partial;
  if (internalError !== null) return exitCodeOfFault(internalError);
  if (report.brake !== null) return EXIT.brake;
  if (report.summary.errors > 0) return EXIT.partial;
  return nothingDecided(report) ? EXIT.unavailable : EXIT.done;
}

/**
 * What a person has to see to comes before what passes by itself, and a base of which nothing is known before one where
 * something was held back: the order in which the code of one sweep is found, too.
 */
const GRAVEST_FIRST: readonly ExitCode[] = [
  EXIT.fault,
  EXIT.interrupted,
  EXIT.terminated,
  EXIT.auth,
  EXIT.unavailable,
  EXIT.brake,
  EXIT.partial,
  EXIT.usage,
  EXIT.locked,
  EXIT.stuckFound,
  EXIT.done,
];

/**
 * The exit code for sweeps of several bases: the gravest of theirs. That nothing was written, as 2 says, is true only
 * where it is true of all; a base that does not fit its configuration is a part that could not be done.
 */
export function exitCodeOfAll(codes: readonly ExitCode[]): ExitCode {
  const nothing = !codes.some((code) => code !== EXIT.usage && code !== EXIT.locked);
  const said = nothing ? codes : codes.map((code) => (code === EXIT.usage ? EXIT.partial : code));
  return GRAVEST_FIRST.find((code) => said.includes(code)) ?? EXIT.done;
}

/** There were jobs to probe, and for none of them an answer came, or the time for it. */
export function nothingDecided({ entries }: Report): boolean {
  let undecided = false;
  for (const entry of entries) {
    if (isUndecided(entry)) undecided = true;
    // A job that is skipped for want of a target was looked at too: that look is no answer either.
    else if (entry.probes.some(isAnswer)) return false;
  }
  return undecided;
}

function isUndecided({ verdict, probes }: Entry): boolean {
  return verdict.reason === "storage-unreachable" || (verdict.reason === "not-reached" && probes.length === 0);
}

function isAnswer(sighting: ProbeResult): boolean {
  return sighting.result !== "unknown" || sighting.cause !== "unreachable";
}

/** In the order in which a run would stumble over them. */
const CODES: readonly (readonly [Subject, ExitCode])[] = [
  ["configuration", EXIT.usage],
  ["token", EXIT.auth],
  ["upstream", EXIT.unavailable],
];

/** The exit code for what doctor found: what a run would stumble over first. Warnings alone are none. */
export function exitCodeOfFindings(findings: readonly CheckResult[]): ExitCode {
  const matters = findings.flatMap((finding) => (finding.level === "fail" ? [finding.matter] : []));
  return CODES.find(([matter]) => matters.includes(matter))?.[1] ?? EXIT.done;
}
