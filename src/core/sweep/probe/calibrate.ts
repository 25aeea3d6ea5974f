import type { Calibration } from "../../domain/evidence.ts";
import { fileNameOf } from "../../domain/evidence.ts";
import type { Instant, Job } from "../../domain/job.ts";
import type { Operation } from "../../domain/operation.ts";
import { outputNames } from "../../domain/output-names.ts";
import { type LiteralObject, parsePayload } from "../../domain/payload.ts";
import { resolveOperation } from "../../domain/target.ts";
import type { JobStore, OutputProbe } from "../../ports/ports.ts";
import type { Candidate } from "../decide/triage.ts";

/** A completed job whose output is on record: proof, if it still answers 200, that outputs can be seen. */
export interface KnownOutput {
  readonly operation: string;
  readonly url: string;
  /** Whether the URL is one that today's patterns and place would give for that job. */
  readonly matches: boolean;
}

const DAY = 86_400_000;

/** How far back to look, widening only while an operation is still without a known output. */
const LOOKBACK_WINDOWS_MS: readonly (number | null)[] = [DAY, 7 * DAY, null];

/**
 * The newest completed job with a recorded output, of each of the operations that have one: one list request as a
 * rule. A window that was too full to be read whole cannot say which job is the newest, and says nothing, but for the
 * last day's: what is in there is recent enough.
 */
export async function findNewestCompleted(
  store: JobStore,
  probe: OutputProbe,
  operations: readonly Operation[],
  wanted: readonly string[],
  now: Instant,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, KnownOutput>> {
  const found = new Map<string, KnownOutput>();
  for (const window of LOOKBACK_WINDOWS_MS) {
    const { jobs, complete } = await store.listCompleted(window === null ? null : now - window, signal);
    if (!complete && window !== DAY) break;
    for (const [name, known] of findNewestByOperation(jobs, probe, operations)) {
      if (!found.has(name)) found.set(name, known);
    }
    if (!complete || wanted.every((name) => found.has(name))) break;
  }
  return found;
}

function findNewestByOperation(
  jobs: readonly Job[],
  probe: OutputProbe,
  operations: readonly Operation[],
): ReadonlyMap<string, KnownOutput> {
  const newest = new Map<string, { at: Instant; known: KnownOutput }>();
  for (const job of jobs) {
    const lookup = resolveOperation(job, operations);
    if (lookup.kind === "unknown" || job.since.kind !== "at" || job.externalId === null) continue;
    const url = recordedOutput(job.responsePayload);
    if (url === null) continue;
    const { operation } = lookup;
    const names = outputNames(operation, job);
    const expected = names.kind === "named" ? names.sets.flat().map((name) => probe.urlFor(name)) : [];
    const known = { operation: operation.name, url, matches: expected.includes(url) };
    const before = newest.get(operation.name);
    if (before === undefined || before.at < job.since.at) newest.set(operation.name, { at: job.since.at, known });
  }
  return new Map([...newest].map(([name, { known }]) => [name, known]));
}

/** The output URL that a response payload holds, be it ours, the application's or the provider's own body. */
export function recordedOutput(responsePayload: string): string | null {
  const payload = parsePayload(responsePayload);
  return payload.kind === "read" ? findUrl(payload.value) : null;
}

/** All output URLs that a response payload of ours holds, or the one of another's. */
export function recordedOutputs(responsePayload: string): readonly string[] {
  const payload = parsePayload(responsePayload);
  const several = payload.kind === "read" ? payload.value.output_urls : undefined;
  if (Array.isArray(several)) return several.filter((url): url is string => typeof url === "string");
  const single = recordedOutput(responsePayload);
  return single === null ? [] : [single];
}

function findUrl(value: LiteralObject): string | null {
  for (const key of ["output_url", "response", "file_url", "video_url", "url"]) {
    const found = Object.hasOwn(value, key) ? value[key] : undefined;
    if (typeof found === "string" && /^https?:\/\//.test(found)) return found;
    const first = Array.isArray(found) ? found[0] : found;
    if (typeof first === "object" && first !== null && !Array.isArray(first)) {
      const nested = findUrl({ ...first });
      if (nested !== null) return nested;
    }
  }
  return null;
}

/** The URLs of known outputs that lie where the probe looks, those of the operation first. */
export function inSameBucket(
  known: ReadonlyMap<string, KnownOutput>,
  operation: string,
  probe: OutputProbe,
): readonly string[] {
  const here = [...known.values()].filter(({ url }) => url.startsWith(probe.urlFor("")));
  const own = here.filter((each) => each.operation === operation);
  return [...own, ...here.filter((each) => each.operation !== operation)].map(({ url }) => url);
}

/** What the place's answers mean. */
export interface CalibrationResult {
  readonly calibration: Calibration;
  /** Where a 403 means "missing": the URL of the output that showed it by being there. */
  readonly control: string | null;
}

/**
 * Finds out what "missing" looks like where the outputs lie. `known` gives outputs that are certain to have been there,
 * the best ones first; they are asked for only when the place answers 403, where they make the difference. A signed
 * request gets the true 404, and nothing has to be found out.
 */
export async function calibrate(
  probe: OutputProbe,
  { names: [[name = ""] = []], externalId }: Pick<Candidate, "names" | "externalId">,
  random: () => number,
  known: () => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<CalibrationResult> {
  const without = (calibration: Calibration): CalibrationResult => ({ calibration, control: null });
  if (probe.signed) {
    return without({ kind: "missing-is-404", detail: "signed requests are told the truth: HTTP 404" });
  }
  const unusedId = randomId(random);
  const randomKeyResult = await probe.probe(
    probe.urlFor(name.includes(externalId) ? name.replaceAll(externalId, unusedId) : unusedId),
    signal,
  );
  const told = `a random key answers ${randomKeyResult.detail}`;
  if (randomKeyResult.result === "absent") return without({ kind: "missing-is-404", detail: told });
  if (randomKeyResult.result === "present" || randomKeyResult.cause !== "forbidden")
    return without({ kind: "failed", detail: told });
  const seen: string[] = [];
  for (const url of (await known()).slice(0, MAX_KNOWN_PROBES)) {
    const sighting = await probe.probe(url, signal);
    seen.push(`the known ${fileNameOf(url)} ${sighting.detail}`);
    if (sighting.result !== "present") continue;
    return { calibration: { kind: "missing-is-403", detail: `${told}, ${seen.join(", ")}` }, control: url };
  }
  if (seen.length === 0) return without({ kind: "failed", detail: `${told}, and no known output is there to compare` });
  return without({ kind: "failed", detail: `${told}, ${seen.join(", ")}` });
}

/** Known outputs that are looked at: one may have been cleared away since, all of them hardly. */
const MAX_KNOWN_PROBES = 3;

/** Looks like the ids that workers hand out (UUIDs), and is nobody's. */
export function randomId(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
