import type { Output, ProbeResult, ProviderReply } from "./evidence.ts";
import { fileNameOf } from "./evidence.ts";
import type { Duration, Instant } from "./job.ts";

/** Who wrote, and when: part of every trace that a run leaves in the base. */
export interface Signature {
  readonly runId: string;
  readonly version: string;
}

/** Lines begin like this, so that a later sweep finds its own work by FIND() in the listing it makes anyway. */
export const COMPLETED_PREFIX = "Completed via polling at ";
export const FAILED_PREFIX = "Failed via polling at ";
export const REDELIVERED_PREFIX = "Delivery retried via polling at ";
export const UNDELIVERED_PREFIX = "Delivery failed via polling at ";
/** The error cell of a job that this tool failed says so, until another hand writes its own error. */
export const FAILED_BY = "Set to failed by ";
export const UNDONE_MARK = "Undone by stuck-jobs at ";
/** What the poller that came before this tool wrote. */
export const OLD_POLLER_FAILED_MARK = "Timed out via polling";

/** What was gathered for a job, for people: what was probed and answered, and what its provider says. */
export interface Gathered {
  readonly probes: readonly ProbeResult[];
  readonly providerReply: ProviderReply | null;
  /** The reason of the verdict that led to the write: the rule by which it was made. */
  readonly rule: string;
}

/** The line that a recovered job gets: what was found, and who completed it. */
export function completedLine(outputs: readonly Output[], gathered: Gathered, at: Instant, by: Signature): string {
  const files = outputs.map((output) => {
    const sighting = sightingOf(gathered, output);
    const seen = [sighting?.detail ?? "HTTP 200", `${output.bytes} bytes`];
    if (output.etag !== null) seen.push(`ETag ${output.etag}`);
    return `${fileNameOf(output.url)} (${seen.join(", ")})`;
  });
  return `${COMPLETED_PREFIX}${iso(at)}: found ${files.join(", ")}${providerClause(gathered)}; rule ${gathered.rule} ${signed(by)}`;
}

function sightingOf({ probes, providerReply }: Omit<Gathered, "rule">, { url }: Output): ProbeResult | undefined {
  return [...probes, ...(providerReply?.probes ?? [])].find((each) => fileNameOf(each.url) === fileNameOf(url));
}

function providerClause({ providerReply }: Pick<Gathered, "providerReply">): string {
  return providerReply === null ? "" : `; ${providerReply.provider}: ${providerReply.answer.detail}`;
}

/** The line of a job whose target received the output of a newer job instead. */
export function supersededLine(newer: string, at: Instant, by: Signature): string {
  return `${COMPLETED_PREFIX}${iso(at)}: superseded by job ${newer}, whose output was delivered; this file was not ${signed(by)}`;
}

/** The line of a completed job whose file Airtable had dropped, and which was written once more. */
export function redeliveredLine(output: Output, found: string, at: Instant, by: Signature): string {
  return `${REDELIVERED_PREFIX}${iso(at)}: ${found}; wrote ${fileNameOf(output.url)} again ${signed(by)}`;
}

/** The line, and the error, of a completed job whose file Airtable dropped twice. */
export function undeliveredLine(fileName: string, found: string, at: Instant, by: Signature): string {
  return `${UNDELIVERED_PREFIX}${iso(at)}: ${found}, twice; ${fileName} has to be attached by hand ${signed(by)}`;
}

/** How large a file was when it was found, as the line of its completion tells; null where it does not. */
export function parseNotedSize(notes: string, fileName: string): number | null {
  const line = notes.slice(notes.lastIndexOf(COMPLETED_PREFIX)).split("\n", 1)[0] ?? "";
  const [, bytes] = /^[^)]*?\b(\d+) bytes\b/.exec(line.split(` ${fileName} (`)[1] ?? "") ?? [];
  return bytes === undefined ? null : Number(bytes);
}

/** The line that a failed job gets. */
export function failedLine(gathered: Gathered, at: Instant, by: Signature): string {
  return `${FAILED_PREFIX}${iso(at)}: no output; ${formatProbes(gathered)}${providerClause(gathered)}; rule ${gathered.rule} ${signed(by)}`;
}

/** The line of a job that is put back as it was before `runId` wrote it. */
export function undoneLine(runId: string, at: Instant, by: Signature): string {
  return `${UNDONE_MARK}${iso(at)}: put back what run ${runId} had found ${signed(by)}`;
}

/** Whether the error field holds what `failureText` wrote. */
export function isOwnError(error: string): boolean {
  return /^Set to failed by stuck-jobs /m.test(error);
}

/**
 * The error field of a failed job: the provider's own reason where there is one, since when, what was probed, what was
 * answered. `calibration` tells what "missing" looks like there; null where the provider's word was enough.
 */
export function failureText(
  since: Instant,
  age: Duration,
  gathered: Gathered,
  calibration: string | null,
  at: Instant,
  by: Signature,
): string {
  const { providerReply } = gathered;
  const reason =
    providerReply?.answer.kind === "failed" ? `${providerReply.provider}: ${providerReply.answer.error}` : null;
  const probed = formatProbes(gathered);
  return [
    ...(reason === null ? [] : [reason]),
    `No output after ${Math.floor(age / 60_000)} minutes (processing since ${iso(since)}, checked ${iso(at)}).`,
    ...(probed === "" ? [] : [`Probed: ${probed}.`]),
    ...(calibration === null ? [] : [`What "missing" looks like there: ${calibration}.`]),
    ...(providerReply === null || reason !== null
      ? []
      : [`${providerReply.provider}: ${providerReply.answer.detail}.`]),
    `${FAILED_BY}${signed(by).slice(1, -1)}, rule ${gathered.rule}.`,
  ].join("\n");
}

/** Airtable's long text cells hold 100,000 characters; more is refused with 422. */
const CELL_LIMIT = 100_000;

/** Adds a line to what the cell holds. A full cell loses its oldest text rather than the line. */
export function appendLine(notes: string, line: string): string {
  const text = foldLines(notes === "" ? line : `${notes.replace(/\n+$/, "")}\n${line}`);
  return text.length <= CELL_LIMIT ? text : text.slice(text.length - CELL_LIMIT);
}

/** So many lines of our own a cell may hold; the oldest beyond are folded into one. */
const MOST_LINES = 10;

const MARKS = [COMPLETED_PREFIX, FAILED_PREFIX, REDELIVERED_PREFIX, UNDELIVERED_PREFIX, UNDONE_MARK];

const SIGNATURE = / \[stuck-jobs [^\s\]]+, run [^\s\]]+\]$/;

const FOLDED = /^… and (\d+) earlier lines? of stuck-jobs$/;

/**
 * Folds our own lines past ten into one, which stands where the first of them stood. The newest of each kind stays,
 * since later sweeps look for it; what others wrote stays as it is.
 */
export function foldLines(notes: string): string {
  const lines = notes.split("\n");
  const own = lines.flatMap((line, index) => (isOwnLine(line) ? [index] : []));
  const before = lines.flatMap((line, index) => (FOLDED.test(line) ? [index] : []));
  const newest = MARKS.map((mark) => own.findLast((index) => lines[index]?.startsWith(mark)));
  const others = own.filter((index) => !newest.includes(index));
  const room = MOST_LINES - (own.length - others.length);
  const folded = others.slice(0, Math.max(0, others.length - room));
  if (folded.length === 0 && before.length <= 1) return notes;
  const gone = [...before, ...folded];
  const count = before.reduce((sum, index) => sum + Number(FOLDED.exec(lines[index] ?? "")?.[1]), folded.length);
  const first = Math.min(...gone);
  const kept = lines.flatMap((line, index) => {
    if (index === first) return [`… and ${count} earlier line${count === 1 ? "" : "s"} of stuck-jobs`];
    return gone.includes(index) ? [] : [line];
  });
  return kept.join("\n");
}

function isOwnLine(line: string): boolean {
  return SIGNATURE.test(line) && MARKS.some((mark) => line.startsWith(mark));
}

function formatProbes({ probes }: Pick<Gathered, "probes">): string {
  return probes.map((sighting) => `${fileNameOf(sighting.url)} → ${sighting.detail}`).join("; ");
}

function signed(by: Signature): string {
  return `[stuck-jobs ${by.version}, run ${by.runId}]`;
}

function iso(at: Instant): string {
  return new Date(at).toISOString();
}
