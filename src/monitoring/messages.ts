import type { Instant } from "../core/domain/job.ts";
import type { RunResult } from "./run-result.ts";

/** healthchecks.io keeps the first 100 kB of a ping's body. */
const MOST_BYTES = 100_000;

/** Discord takes 2,000 characters; Slack takes more. */
const MOST_CHARACTERS = 1_900;

/** A change that has not been told yet. */
export interface Pending {
  readonly at: Instant;
  readonly text: string;
}

/** The address of a ping's kind, healthchecks style: before the query, behind what path there is. */
export function pingUrl(url: string, kind: "start" | "success" | number): string {
  if (kind === "success") return url;
  const address = new URL(url);
  address.pathname = `${address.pathname.replace(/\/+$/, "")}/${kind}`;
  return address.href;
}

/**
 * The body of a ping: the summary, what went wrong, then a line for each job, as far as there is room.
 *
 * @param summary one line, as a person is shown it
 */
export function pingBody(summary: string, result: RunResult): string {
  return truncateBytes(pingLines(summary, result));
}

/** The body for several bases: the total, and those of the bases that have something to tell. */
export function pingBodyOfAll(total: string, results: readonly { summary: string; result: RunResult }[]): string {
  return truncateBytes(linesOfAll(total, results));
}

function* linesOfAll(total: string, results: Parameters<typeof pingBodyOfAll>[1]): Iterable<string> {
  yield `${total}\n`;
  for (const { summary, result } of results) {
    yield "\n";
    yield* pingLines(summary, result);
  }
}

function* pingLines(summary: string, { report, trouble, runId, exitCode }: RunResult): Iterable<string> {
  const inOne = (line: string) => `${line.replaceAll("\n", " ")}\n`;
  yield inOne(summary);
  if (trouble !== null && !summary.includes(trouble.detail)) yield inOne(trouble.detail);
  yield inOne(`exit code ${exitCode}, run ${runId}`);
  for (const { id, externalId, operation, verdict, error } of report?.entries ?? []) {
    const words = [`${id} ${externalId ?? "-"} ${operation ?? "-"} ${verdict.kind} ${verdict.reason}`];
    if (verdict.detail !== "") words.push(verdict.detail);
    if (error !== null) words.push(`could not be written: ${error}`);
    yield inOne(words.join("; "));
  }
}

function truncateBytes(lines: Iterable<string>): string {
  const note = "… cut off here\n";
  let room = MOST_BYTES - Buffer.byteLength(note);
  const shown: string[] = [];
  for (const line of lines) {
    room -= Buffer.byteLength(line);
    if (room < 0) return [...shown, note].join("");
    shown.push(line);
  }
  return shown.join("");
}

/**
 * The bodies of what is posted to Slack or Discord, one or several: `text` is read by the one and `content` by the
 * other, and neither minds the rest. What was pending for a while says since when.
 */
export function chatBodies(pending: readonly Pending[], { baseId, runId }: RunResult, now: Instant): readonly string[] {
  const head = `stuck-jobs, base ${baseId}, run ${runId}:`;
  const lines = pending.map(({ at, text }) => {
    const late = now - at > 60_000 ? `${new Date(at).toISOString().slice(0, 16)}Z: ` : "";
    return escapeMentions(`• ${late}${text}`).slice(0, MOST_CHARACTERS - head.length - 1);
  });
  const texts: string[] = [];
  for (const line of lines) {
    const last = texts.at(-1);
    if (last !== undefined && last.length + line.length < MOST_CHARACTERS) texts.splice(-1, 1, `${last}\n${line}`);
    else texts.push(`${head}\n${line}`);
  }
  return texts.map((text) => JSON.stringify({ text, content: text, allowed_mentions: { parse: [] } }));
}

/** Names and words from the base must not call people (`<!channel>`, `@everyone`) or make links. */
function escapeMentions(text: string): string {
  return text.replaceAll("\n", " ").replaceAll("<", "‹").replaceAll(">", "›").replaceAll("@", "@\u200b");
}
