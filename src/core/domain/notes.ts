import { fileNameOf, type GatheredEvidence, type Output, type ProbeResult } from "./evidence.ts";
import type { Duration, Instant, Job } from "./job.ts";

/** Which run writes: part of every line that it leaves in the base. */
export interface Signature {
  readonly runId: string;
  readonly version: string;
}

/** Lines begin like this, so that a later sweep finds its own work by FIND() in the listing that it makes anyway. */
export const COMPLETED_PREFIX = "Completed via polling at ";
export const FAILED_PREFIX = "Failed via polling at ";
export const REDELIVERED_PREFIX = "Delivery retried via polling at ";
export const UNDELIVERED_PREFIX = "Delivery failed via polling at ";
export const RESENT_PREFIX = "Webhook sent again via polling at ";
export const REFUSED_PREFIX = "Write refused via polling at ";
export const UNDONE_PREFIX = "Undone by stuck-jobs at ";
/** The error field of a job that stuck-jobs failed holds this, until someone else writes another error. */
export const FAILED_BY = "Set to failed by ";
/** What the poller that came before stuck-jobs wrote. */
export const OLD_POLLER_PREFIX = "Timed out via polling";

/** The evidence on a job with the reason of the verdict that led to the write: the rule by which it was made. */
export interface NotedEvidence extends GatheredEvidence {
  readonly rule: string;
}

/** The ids of attachments by their file names, as far as the base has given them. */
export type AttachmentIds = ReadonlyMap<string, string>;

/** Returns the line for a recovered job: what was found, as what it is attached, and which run completed it. */
export function completedLine(
  outputs: readonly Output[],
  evidence: NotedEvidence,
  at: Instant,
  by: Signature,
  ids: AttachmentIds = new Map(),
): string {
  const files = outputs.map((output) => {
    const probe = findProbe(evidence, output);
    const seen = [probe?.detail ?? "HTTP 200", `${output.bytes} bytes`, ...attachmentClause(output, ids)];
    if (output.etag !== null) seen.push(`ETag ${output.etag}`);
    return `${fileNameOf(output.url)} (${seen.join(", ")})`;
  });
  return `${COMPLETED_PREFIX}${iso(at)}: found ${files.join(", ")}${providerClause(evidence)}; rule ${evidence.rule} ${signed(by)}`;
}

function attachmentClause({ url }: Output, ids: AttachmentIds): readonly string[] {
  const id = ids.size === 0 ? undefined : ids.get(fileNameOf(url));
  return id === undefined ? [] : [`attachment ${id}`];
}

function findProbe({ probeGroups, providerReply }: GatheredEvidence, { url }: Output): ProbeResult | undefined {
  const probes = [...probeGroups.flat(), ...(providerReply?.probes ?? [])];
  return probes.find((probe) => probe.url === url || fileNameOf(probe.url) === fileNameOf(url));
}

function providerClause({ providerReply }: GatheredEvidence): string {
  return providerReply === null ? "" : `; ${providerReply.provider}: ${providerReply.answer.detail}`;
}

/** Returns the line for a job whose target received the output of a newer job instead. */
export function supersededLine(newer: string, at: Instant, by: Signature): string {
  return `${COMPLETED_PREFIX}${iso(at)}: ${SUPERSEDED} ${newer}, whose output was delivered; this file was not ${signed(by)}`;
}

const SUPERSEDED = "superseded by job";

/** Whether a job was completed without its file being written, since a newer job's was. */
export function isSuperseded({ notes, responsePayload }: Pick<Job, "notes" | "responsePayload">): boolean {
  return notes.includes(SUPERSEDED) || responsePayload.includes('"superseded_by":');
}

/** Returns the line for a completed job whose file Airtable had dropped, and which was written once more. */
export function redeliveredLine(
  outputs: readonly Output[],
  ids: AttachmentIds,
  defect: string,
  at: Instant,
  by: Signature,
): string {
  const files = outputs.map((output) => {
    return `${fileNameOf(output.url)} (${[`${output.bytes} bytes`, ...attachmentClause(output, ids)].join(", ")})`;
  });
  return `${REDELIVERED_PREFIX}${iso(at)}: ${defect}; wrote ${files.join(", ")} again ${signed(by)}`;
}

/** Returns the line, and the error, for a completed job whose file Airtable dropped twice. */
export function undeliveredLine(fileName: string, defect: string, at: Instant, by: Signature): string {
  return `${UNDELIVERED_PREFIX}${iso(at)}: ${defect}, twice; ${fileName} has to be attached by hand ${signed(by)}`;
}

/** Returns the line for a job whose lost webhook is about to be sent again. */
export function resentLine(externalId: string, at: Instant, by: Signature): string {
  return `${RESENT_PREFIX}${iso(at)} for ${externalId} ${signed(by)}`;
}

/** Whether the notes say that the webhook of this external id was sent again. */
export function wasResent(notes: string, externalId: string): boolean {
  return notes.split("\n").some((line) => line.startsWith(RESENT_PREFIX) && line.includes(` for ${externalId} [`));
}

/** Returns the line that remembers a kind of write that the base refused. */
export function refusedLine(kind: string, error: string, at: Instant, by: Signature): string {
  return `${REFUSED_PREFIX}${iso(at)}: ${error.replaceAll(/\s+/g, " ")}${KIND_MARK}${kind} ${signed(by)}`;
}

const KIND_MARK = "; refused: ";

/** Returns the refusals that the notes remember. */
export function parseRefusals(
  notes: string,
): readonly { readonly kind: string; readonly error: string; readonly at: Instant }[] {
  if (!notes.includes(REFUSED_PREFIX)) return [];
  return notes.split("\n").flatMap((line) => {
    if (!line.startsWith(REFUSED_PREFIX)) return [];
    const text = line.slice(REFUSED_PREFIX.length).replace(SIGNATURE, "");
    const mark = text.lastIndexOf(KIND_MARK);
    const [time = ""] = text.split(": ", 1);
    const at = Date.parse(time);
    if (mark === -1 || Number.isNaN(at)) return [];
    return [{ kind: text.slice(mark + KIND_MARK.length), error: text.slice(time.length + 2, mark), at }];
  });
}

/** Returns the line for a failed job. */
export function failedLine(evidence: NotedEvidence, at: Instant, by: Signature): string {
  return `${FAILED_PREFIX}${iso(at)}: no output; ${formatProbes(evidence)}${providerClause(evidence)}; rule ${evidence.rule} ${signed(by)}`;
}

/** Returns the line for a job that is restored to what it was before `runId` wrote it. */
export function undoneLine(runId: string, at: Instant, by: Signature): string {
  return `${UNDONE_PREFIX}${iso(at)}: put back what run ${runId} had found ${signed(by)}`;
}

/**
 * Returns the error of a failed job: the provider's own reason where there is one, since when, what was probed, what was
 * answered. `calibration` says what "missing" looks like there; null where the provider's word was enough.
 */
export function failureText(
  since: Instant,
  age: Duration,
  evidence: NotedEvidence,
  calibration: string | null,
  at: Instant,
  by: Signature,
): string {
  const { providerReply } = evidence;
  const reason =
    providerReply?.answer.kind === "failed" ? `${providerReply.provider}: ${providerReply.answer.error}` : null;
  const probed = formatProbes(evidence);
  return [
    ...(reason === null ? [] : [reason]),
    `No output after ${Math.floor(age / 60_000)} minutes (processing since ${iso(since)}, checked ${iso(at)}).`,
    ...(probed === "" ? [] : [`Probed: ${probed}.`]),
    ...(calibration === null ? [] : [`What "missing" looks like there: ${calibration}.`]),
    ...(providerReply === null || reason !== null
      ? []
      : [`${providerReply.provider}: ${providerReply.answer.detail}.`]),
    `${FAILED_BY}${signed(by).slice(1, -1)}, rule ${evidence.rule}.`,
  ].join("\n");
}

/** Whether the error field holds what `failureText` wrote. */
export function isOwnError(error: string): boolean {
  return /^Set to failed by stuck-jobs /m.test(error);
}

/** Returns the last line with a prefix, from the prefix on; null where there is none. */
export function lastLine(notes: string, prefix: string): string | null {
  const at = notes.lastIndexOf(prefix);
  return at === -1 ? null : (notes.slice(at).split("\n", 1)[0] ?? null);
}

/** Returns when the last line with a prefix was written; null where there is none, or its time cannot be read. */
export function lastTime(notes: string, prefix: string): Instant | null {
  const at = Date.parse(lastLine(notes, prefix)?.slice(prefix.length, prefix.length + ISO_LENGTH) ?? "");
  return Number.isNaN(at) ? null : at;
}

const ISO_LENGTH = "2026-03-01T12:00:00.000Z".length;

/** A time zone is required: earlier pollers wrote local times without one. */
const ZONED_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})/;

/** Returns when the last line with a prefix was written; null where its time names no zone. */
export function lastZonedTime(notes: string, prefix: string): Instant | null {
  const [time] = ZONED_TIME.exec(lastLine(notes, prefix)?.slice(prefix.length) ?? "") ?? [];
  const at = time === undefined ? Number.NaN : Date.parse(time);
  return Number.isNaN(at) ? null : at;
}

/** Whether there is a line with this prefix after the last one with any of `others`. */
export function isAfter(notes: string, prefix: string, others: readonly string[]): boolean {
  const at = notes.lastIndexOf(prefix);
  return at !== -1 && others.every((other) => at > notes.lastIndexOf(other));
}

/** Returns the rule that a line or an error names; null where it names none. */
export function parseRule(text: string): string | null {
  return /\brule ([a-z-]+)/.exec(text)?.[1] ?? null;
}

/** A file that stuck-jobs attached, by what the notes say. `id` is null where the base had given none. */
export interface NotedFile {
  readonly name: string;
  readonly bytes: number;
  readonly id: string | null;
}

/** Returns the files that stuck-jobs attached last, by its last line of a delivery; none where it attached none. */
export function parseNotedFiles(notes: string): readonly NotedFile[] {
  const redelivered = isAfter(notes, REDELIVERED_PREFIX, [COMPLETED_PREFIX]);
  const again = redelivered ? parseFiles(lastLine(notes, REDELIVERED_PREFIX)) : [];
  return again.length > 0 ? again : parseFiles(lastLine(notes, COMPLETED_PREFIX));
}

/** Reads the files of a line as `completedLine` and `redeliveredLine` name them. Their names have no blanks. */
function parseFiles(line: string | null): readonly NotedFile[] {
  const text = line ?? "";
  const files: NotedFile[] = [];
  for (let at = text.indexOf(" ("); at !== -1; at = text.indexOf(" (", at + 1)) {
    const [clauses = ""] = text.slice(at + 2, at + 2 + MAX_CLAUSES).split(/[()]/, 1);
    const [, bytes, id = null] = [...clauses.matchAll(SIZE)].at(-1) ?? [];
    const name = at === 0 ? "" : text.slice(text.lastIndexOf(" ", at - 1) + 1, at);
    if (name !== "" && bytes !== undefined) files.push({ name, bytes: Number(bytes), id });
  }
  return files;
}

const MAX_CLAUSES = 400;
const SIZE = /(?:^|, )(\d{1,16}) bytes(?:, attachment ([^\s,]{1,100}))?/g;

/** Airtable's long text cells hold 100,000 characters; it refuses more with 422. */
const CELL_LIMIT = 100_000;

/**
 * Returns the cell's text with a line added. A full cell loses our own older lines; where what others wrote leaves no
 * space for the line, the text is returned as it is.
 */
export function appendLine(notes: string, line: string): string {
  const text = foldLines(notes === "" ? line : `${trimBlankEnd(notes)}\n${line}`);
  if (text.length <= CELL_LIMIT) return text;
  const lines = text.split("\n");
  let excess = text.length - CELL_LIMIT;
  const kept = lines.filter((each, index) => {
    if (excess <= 0 || index === lines.length - 1 || !(isOwnLine(each) || FOLDED.test(each))) return true;
    excess -= each.length + 1;
    return false;
  });
  return excess <= 0 ? kept.join("\n") : notes;
}

/** Returns the text without the line breaks at its end. */
function trimBlankEnd(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === "\n") end -= 1;
  return text.slice(0, end);
}

/** The most lines of our own that a cell may hold; the oldest beyond are folded into one. */
const MAX_OWN_LINES = 10;

const PREFIXES = [
  COMPLETED_PREFIX,
  FAILED_PREFIX,
  REDELIVERED_PREFIX,
  UNDELIVERED_PREFIX,
  RESENT_PREFIX,
  REFUSED_PREFIX,
  UNDONE_PREFIX,
];

const SIGNATURE = / \[stuck-jobs [^\s\]]+, run [^\s\]]+\]$/;

const FOLDED = /^(?:\.\.\.|…) and (\d+) earlier lines? of stuck-jobs$/;

/**
 * Folds our own lines past ten into one, which stands where the first of them stood. The newest of each kind stays,
 * since later sweeps look for it; what others wrote stays as it is.
 */
export function foldLines(notes: string): string {
  const lines = notes.split("\n");
  const own = lines.flatMap((line, index) => (isOwnLine(line) ? [index] : []));
  const before = lines.flatMap((line, index) => (FOLDED.test(line) ? [index] : []));
  const newest = PREFIXES.map((prefix) => own.findLast((index) => lines[index]?.startsWith(prefix)));
  const others = own.filter((index) => !newest.includes(index));
  const budget = MAX_OWN_LINES - (own.length - others.length);
  const folded = others.slice(0, Math.max(0, others.length - budget));
  if (folded.length === 0 && before.length <= 1) return notes;
  const gone = new Set([...before, ...folded]);
  const count = before.reduce((sum, index) => sum + Number(FOLDED.exec(lines[index] ?? "")?.[1]), folded.length);
  const first = Math.min(...gone);
  const kept = lines.flatMap((line, index) => {
    if (index === first) return [`... and ${count} earlier line${count === 1 ? "" : "s"} of stuck-jobs`];
    return gone.has(index) ? [] : [line];
  });
  return kept.join("\n");
}

function isOwnLine(line: string): boolean {
  return SIGNATURE.test(line) && PREFIXES.some((prefix) => line.startsWith(prefix));
}

/** In ASCII, as all of a line but what others said: not every database holds more. */
function formatProbes({ probeGroups }: GatheredEvidence): string {
  const probes = probeGroups.flat();
  return probes.map(({ url, detail }) => `${fileNameOf(url)}: ${detail}`).join("; ");
}

function signed(by: Signature): string {
  return `[stuck-jobs ${by.version}, run ${by.runId}]`;
}

function iso(at: Instant): string {
  return new Date(at).toISOString();
}
