import { getString, type Literal, type LiteralObject, type Payload, parsePayload } from "./payload.ts";

/** What a job's response payload says of its output. */
export interface ReportedResult {
  /** Whether it reports that the work ended well. That it was accepted, or is queued, does not count. */
  readonly succeeded: boolean;
  /** The URL of the output that it names; null where it names none. */
  readonly url: string | null;
  /** The URLs and names of media files anywhere in it, but for those that the request named: inputs. */
  readonly files: readonly string[];
}

export const NOTHING_REPORTED: ReportedResult = { succeeded: false, url: null, files: [] };

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

/** Reads a response payload, be it ours, the application's or the provider's own body. `request` is what was sent. */
export function parseReportedResult(responsePayload: string, request: Payload = { kind: "empty" }): ReportedResult {
  if (responsePayload.trim() === "") return NOTHING_REPORTED;
  const files = findFiles(responsePayload, request);
  const payload = parsePayload(responsePayload);
  if (payload.kind !== "read") return files.length === 0 ? NOTHING_REPORTED : { ...NOTHING_REPORTED, files };
  const words = statusWords(payload.value, MAX_DEPTH);
  const finished = words.some((word) => SUCCEEDED.includes(word)) || String(payload.value.code) === "200";
  const unfinished = words.some((word) => UNFINISHED.includes(word) || FAILED.includes(word));
  return {
    succeeded: finished && !unfinished && !reportsFailure(payload.value, MAX_DEPTH),
    url: findUrl(payload.value),
    files,
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
  // A jsonb column gives it back with other spaces.
  return getString(parsePayload(responsePayload), "completed_via") === "polling";
}

function statusWords(value: LiteralObject, depth: number): readonly string[] {
  const own = STATUS_KEYS.flatMap((key) => {
    const word = value[key];
    return typeof word === "string" ? [word.trim().toLowerCase()] : [];
  });
  if (depth === 1) return own;
  return [...own, ...NESTED_KEYS.flatMap((key) => (isObject(value[key]) ? statusWords(value[key], depth - 1) : []))];
}

/** Texts that clients write for the want of an error. */
const NO_ERROR = ["", "0", "None", "none", "null", "undefined", "no error"];

/** Whether a body, or one that it encloses, has an error: NCA's outer code says 200 when the work ended with 500. */
function reportsFailure(value: LiteralObject, depth: number): boolean {
  const { code, error, success } = value;
  if (Number(code) >= 400 || success === false || (typeof error === "string" && !NO_ERROR.includes(error.trim()))) {
    return true;
  }
  return depth > 1 && NESTED_KEYS.some((key) => isObject(value[key]) && reportsFailure(value[key], depth - 1));
}

/** So many files of one payload are probed. */
const MAX_FILES = 3;

const MEDIA = "mp4|mov|webm|mkv|m4v|m4a|mp3|wav|aac|ogg|flac|srt|vtt|txt|json|jpg|jpeg|png|gif|webp|pdf|zip";
const FILE_URL = /https?:\/\/[^\s"'<>\\]{1,2000}/g;
const FILE_NAME = new RegExp(`(?<=["'])[^"'\\\\/:\\n]{1,200}\\.(?:${MEDIA})(?=["'])`, "gi");

/** Returns the URLs and the quoted names of media files in a text, whatever its form. */
function findFiles(responsePayload: string, request: Payload): readonly string[] {
  const text = responsePayload.replaceAll("\\/", "/");
  const urls = [...text.matchAll(FILE_URL)].map(([url]) => trimPunctuation(url));
  const names = [...text.matchAll(FILE_NAME)].map(([name]) => name);
  const sent = request.kind === "read" ? JSON.stringify(request.value) : "";
  return [...new Set([...urls, ...names])].filter((file) => !sent.includes(file)).slice(0, MAX_FILES);
}

/** Removes what ends a sentence or a bracket around a URL. */
function trimPunctuation(url: string): string {
  let end = url.length;
  while (end > 0 && ").,;:!?]}".includes(url.charAt(end - 1))) end -= 1;
  return url.slice(0, end);
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
