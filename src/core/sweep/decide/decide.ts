import {
  type Calibration,
  combine,
  type Evidence,
  fileNameOf,
  type GatheredEvidence,
  isUrlOf,
  type Output,
  toProviderEvidence,
} from "../../domain/evidence.ts";
import type { Duration } from "../../domain/job.ts";
import { TARGET_MISSING, UNKNOWN_REASON, type Verdict } from "../../domain/verdict.ts";
import type { Candidate, Policy } from "./triage.ts";

/**
 * Returns the verdict on what was gathered for an item. Before calibration (`null`) it takes a 404 at its word and a 403
 * for unknown, so that a verdict to fail has to be decided again with it.
 */
export function decideItem(
  { reopened }: { readonly reopened: boolean },
  candidate: Candidate,
  { probeGroups, providerReply }: GatheredEvidence,
  calibration: Calibration | null,
  policy: Policy,
): Verdict {
  const evidence = { storage: combine(probeGroups, calibration), provider: toProviderEvidence(providerReply) };
  const verdict = withoutEarlierOutput(candidate, decide(candidate, evidence, policy));
  if (!reopened || verdict.kind !== "recover") return verdict;
  return { ...verdict, reason: "late-output", detail: "stuck-jobs had failed it before" };
}

/** A worker's clock and the base's differ a little, and a date may be written after the work began. */
const PREDATES_BY: Duration = 10 * 60_000;

/** Takes back a find whose name is not bound to the external id and that is older than the job: the last run's output. */
function withoutEarlierOutput({ externalId, names, began, operation }: Candidate, verdict: Verdict): Verdict {
  if (verdict.kind !== "recover" || verdict.reason !== "output-found" || began === null) return verdict;
  if (operation.outputs.some(({ mayPredate }) => mayPredate)) return verdict;
  const bound = names.flat().filter((name) => name.includes(externalId));
  const earlier = [verdict.output, ...verdict.others].find(({ url, lastModified }) => {
    return Date.parse(lastModified ?? "") < began - PREDATES_BY && !bound.some((name) => isUrlOf(url, name));
  });
  if (earlier === undefined) return verdict;
  const detail = `${fileNameOf(earlier.url)} was written ${earlier.lastModified}, before the job began`;
  return { kind: "unknown", reason: "output-predates-job", detail };
}

/**
 * Returns the verdict on a job by the evidence on its output. The table, read aloud:
 *
 *     output there                               -> recover
 *     some of its files there, not yet due       -> wait; due -> unknown
 *     no usable answer                           -> unknown
 *     something there, not an output             -> unknown
 *     missing or private, or absent, and the provider
 *       says done, and its output is there       -> recover
 *       says done, and names a part of it        -> unknown
 *       says done, and no output is to be seen   -> unknown
 *       says that it failed                      -> fail
 *       is at work, no longer than providerCap   -> wait
 *       forgot it, or says nothing, and the storage says
 *         missing or private, not yet due        -> wait; due -> unknown
 *         absent, not yet due                    -> wait; due -> fail
 */
export function decide(candidate: Candidate, { storage, provider }: Evidence, policy: Policy): Verdict {
  const { thresholds } = candidate.operation;
  const due = candidate.certainAge > thresholds.failAfter;
  const there = storage.kind === "present" || provider?.kind === "succeeded";
  if (candidate.targetId === null && candidate.operation.targetKind !== "none" && !there) return TARGET_MISSING;
  switch (storage.kind) {
    case "present":
      return deliverable("output-found", storage, "", policy);
    case "partial": {
      const detail = `${storage.there} of ${storage.of} files are there`;
      return due
        ? { kind: "unknown", reason: "output-incomplete", detail }
        : { kind: "wait", reason: "output-incomplete", detail };
    }
    case "unknown":
      if (storage.cause !== "forbidden") return { kind: "unknown", reason: UNKNOWN_REASON[storage.cause], detail: "" };
      break;
    case "absent":
    case "no-names":
      break;
  }
  switch (provider?.kind) {
    case "succeeded":
      if (provider.output === null) return { kind: "unknown", reason: "evidence-contradicts", detail: provider.detail };
      return deliverProviderOutput(candidate, { ...provider, output: provider.output }, policy);
    case "failed":
      if (!policy.failEnabled) return { kind: "wait", reason: "fail-disabled", detail: "--no-fail" };
      return { kind: "fail", reason: "provider-failed", detail: provider.error };
    case "running":
      if (candidate.age <= thresholds.providerCap) {
        return { kind: "wait", reason: "provider-running", detail: provider.detail };
      }
      break;
    case "silent":
    case undefined:
      break;
  }
  switch (storage.kind) {
    case "no-names":
      return { kind: "unknown", reason: "provider-silent", detail: provider?.detail ?? "no provider was asked" };
    case "unknown":
      if (due) return { kind: "unknown", reason: "absence-unproven", detail: "" };
      return { kind: "wait", reason: "output-not-visible", detail: "missing or private" };
    case "absent":
      if (!due) return { kind: "wait", reason: "output-pending", detail: "" };
      if (!policy.failEnabled) return { kind: "wait", reason: "fail-disabled", detail: "--no-fail" };
      return { kind: "fail", reason: "output-absent", detail: "" };
  }
}

/** Where an output is several files, a provider that names fewer of them names a part of it. */
function deliverProviderOutput(
  { names }: Candidate,
  named: { readonly output: Output; readonly others: readonly Output[]; readonly detail: string },
  policy: Policy,
): Verdict {
  const count = named.others.length + 1;
  const expected = names.reduce((least, set) => Math.min(least, set.length), Number.POSITIVE_INFINITY);
  if (names.length === 0 || count >= expected) return deliverable("provider-output", named, named.detail, policy);
  const detail = `${named.detail}, and names ${count} of ${expected} files`;
  return { kind: "unknown", reason: "output-incomplete", detail };
}

/** An output is delivered by `recover`; `fail-old` only reports it. */
function deliverable(
  reason: "output-found" | "provider-output",
  { output, others }: { readonly output: Output; readonly others: readonly Output[] },
  detail: string,
  policy: Policy,
): Verdict {
  if (policy.mode === "fail") return { kind: "skip", reason: "output-exists", detail: "recover delivers it", output };
  return { kind: "recover", reason, output, others, detail };
}
