import { type Literal, type LiteralObject, parsePayload } from "./payload.ts";

/** What a job's response payload says of its output. */
export interface ReportedResult {
  /** Whether it reports that the work ended well. That it was accepted, or is queued, does not count. */
  readonly succeeded: boolean;
  /** The URL of the output that it names; null where it names none. */
  readonly url: string | null;
}

export const NOTHING_REPORTED: ReportedResult = { succeeded: false, url: null };

const SUCCEEDED = ["success", "succeeded", "successful", "completed", "complete", "done", "finished"];
const UNFINISHED = [
  "accepted",
  "queued",
  "pending",
  "staged",
  "submitted",
  "starting",
  "started",
  "running",
  "processing",
];
const FAILED = ["failed", "failure", "error", "cancelled", "canceled"];
const STATUS_KEYS = ["status", "state", "job_status", "message", "task_status"];
const NESTED_KEYS = ["response", "data", "output", "result"];

/** Bodies of NCA and GoAPI nest their state once or twice. */
const MAX_DEPTH = 3;

/** Reads a response payload, be it ours, the application's or the provider's own body. */
export function parseReportedResult(responsePayload: string): ReportedResult {
  const payload = parsePayload(responsePayload);
  if (payload.kind !== "read") return NOTHING_REPORTED;
  const words = statusWords(payload.value, MAX_DEPTH);
  const finished = words.some((word) => SUCCEEDED.includes(word)) || String(payload.value.code) === "200";
  return {
    succeeded: finished && !words.some((word) => UNFINISHED.includes(word) || FAILED.includes(word)),
    url: findUrl(payload.value),
  };
}

/** Returns all output URLs in a response payload of ours, or the one in another's. */
export function recordedOutputs(responsePayload: string): readonly string[] {
  const payload = parsePayload(responsePayload);
  if (payload.kind !== "read") return [];
  const several = payload.value.output_urls;
  if (Array.isArray(several)) return several.filter((url): url is string => typeof url === "string");
  const single = findUrl(payload.value);
  return single === null ? [] : [single];
}

/** Whether a response payload is the one that a recovery writes. */
export function isWrittenByPolling(responsePayload: string): boolean {
  return responsePayload.includes('"completed_via":"polling"');
}

function statusWords(value: LiteralObject, depth: number): readonly string[] {
  const own = STATUS_KEYS.flatMap((key) => {
    const word = value[key];
    return typeof word === "string" ? [word.trim().toLowerCase()] : [];
  });
  if (depth === 1) return own;
  return [...own, ...NESTED_KEYS.flatMap((key) => (isObject(value[key]) ? statusWords(value[key], depth - 1) : []))];
}

function findUrl(value: LiteralObject): string | null {
  for (const key of ["output_url", "response", "file_url", "video_url", "audio_url", "url", "data", "output"]) {
    const found = Object.hasOwn(value, key) ? value[key] : undefined;
    if (typeof found === "string" && /^https?:\/\//.test(found)) return found;
    const first = Array.isArray(found) ? found[0] : found;
    const nested = isObject(first) ? findUrl(first) : null;
    if (nested !== null) return nested;
  }
  return null;
}

function isObject(value: Literal | undefined): value is LiteralObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
