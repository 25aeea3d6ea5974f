import { type Calibration, fileNameOf } from "../../domain/evidence.ts";
import type { Instant, Job } from "../../domain/job.ts";
import type { Operation } from "../../domain/operation.ts";
import { outputNames } from "../../domain/output-names.ts";
import { type LiteralObject, parsePayload } from "../../domain/payload.ts";
import { resolveOperation } from "../../domain/target.ts";
import type { JobStore, OutputProbe } from "../../ports/ports.ts";
import type { Candidate } from "../decide/triage.ts";

/** The recorded output of a completed job: proof, if it still answers 200, that outputs can be seen. */
export interface KnownOutput {
  readonly operation: string;
  readonly url: string;
  /** Whether the URL is one that today's patterns and bucket would give for that job. */
  readonly matches: boolean;
}

const DAY = 86_400_000;

/** How old known outputs may be; the window widens only while an operation is still without one. */
const LOOKBACK_WINDOWS_MS: readonly (number | null)[] = [DAY, 7 * DAY, null];

/**
 * Finds the newest completed job with a recorded output, of each operation that has one: mostly in one list request. A
 * window that was too full to be read whole cannot say which job is the newest, and is not used; except the last day's,
 * since everything in it is recent enough.
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

/** Returns the output URL in a response payload, be it ours, the application's or the provider's own body. */
export function recordedOutput(responsePayload: string): string | null {
  const payload = parsePayload(responsePayload);
  return payload.kind === "read" ? findUrl(payload.value) : null;
}

/** Returns all output URLs in a response payload of ours, or the one in another's. */
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

/** Returns the URLs of known outputs that are in the probed bucket, those of the operation first. */
export function inSameBucket(
  known: ReadonlyMap<string, KnownOutput>,
  operation: string,
  probe: OutputProbe,
): readonly string[] {
  const here = [...known.values()].filter(({ url }) => url.startsWith(probe.urlFor("")));
  const own = here.filter((each) => each.operation === operation);
  return [...own, ...here.filter((each) => each.operation !== operation)].map(({ url }) => url);
}

/** What the bucket's answers mean. */
export interface CalibrationResult {
  readonly calibration: Calibration;
  /** Where a 403 means "missing": the URL of the known output that showed it by being there. */
  readonly control: string | null;
}

/**
 * Finds out what "missing" looks like in the bucket. `known` returns outputs that certainly were there, the best ones
 * first; it is called only when the bucket answers 403 to a random key, where they make the difference. A signed
 * request gets the true 404, and nothing has to be found out.
 */
export async function calibrate(
  probe: OutputProbe,
  { names: [[name = ""] = []], externalId }: Pick<Candidate, "names" | "externalId">,
  random: () => number,
  known: () => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<CalibrationResult> {
  const withoutControl = (calibration: Calibration): CalibrationResult => ({ calibration, control: null });
  if (probe.signed) {
    return withoutControl({ kind: "missing-is-404", detail: "signed requests get the truth: HTTP 404" });
  }
  const unusedId = randomId(random);
  const unusedName = name.includes(externalId) ? name.replaceAll(externalId, unusedId) : unusedId;
  const randomKeyResult = await probe.probe(probe.urlFor(unusedName), signal);
  const detail = `a random key answers ${randomKeyResult.detail}`;
  if (randomKeyResult.result === "absent") return withoutControl({ kind: "missing-is-404", detail });
  if (randomKeyResult.result === "present" || randomKeyResult.cause !== "forbidden") {
    return withoutControl({ kind: "failed", detail });
  }
  const answers: string[] = [];
  for (const url of (await known()).slice(0, MAX_KNOWN_PROBES)) {
    const control = await probe.probe(url, signal);
    answers.push(`the known ${fileNameOf(url)} ${control.detail}`);
    if (control.result !== "present") continue;
    return { calibration: { kind: "missing-is-403", detail: `${detail}, ${answers.join(", ")}` }, control: url };
  }
  const compared = answers.length === 0 ? "and no known output is there to compare" : answers.join(", ");
  return withoutControl({ kind: "failed", detail: `${detail}, ${compared}` });
}

/** Known outputs that are probed: one may have been deleted since, all of them hardly. */
const MAX_KNOWN_PROBES = 3;

/** Returns an id that looks like those of workers (UUIDs), and that no job has. */
export function randomId(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
