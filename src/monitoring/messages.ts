import type { NotifyFormat } from "../config/schema/monitoring.ts";
import type { Instant } from "../core/domain/job.ts";
import { makeVisible } from "../core/domain/visible.ts";
import type { Email } from "./email.ts";
import type { RunResult } from "./run-result.ts";

/** healthchecks.io keeps the first 100 kB of a ping's body. */
const MOST_BYTES = 100_000;

/** Discord takes 2,000 characters; Slack takes more. */
const MOST_CHARACTERS = 1_900;

/** A change that has not been posted yet. */
export interface Pending {
  readonly at: Instant;
  readonly text: string;
}

/**
 * Returns the body of a ping: the summary, what went wrong, then a line for each job, up to the size limit.
 *
 * @param summary one line, as a person is shown it
 */
export function pingBody(summary: string, result: RunResult): string {
  return truncateBytes(pingLines(summary, result));
}

/** Returns the body for several bases: the total, and the parts of bases that have something to report. */
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
  const inOne = (line: string) => `${makeVisible(line.replaceAll("\n", " "))}\n`;
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
 * Returns the bodies of what is posted to a webhook, one or several. What was pending for a while says since when. The
 * form `json` also has what Discord reads, for a webhook of it behind another name.
 */
export function webhookBodies(
  format: NotifyFormat,
  pending: readonly Pending[],
  { baseId, runId }: Pick<RunResult, "baseId" | "runId">,
  now: Instant,
): readonly string[] {
  const texts = chatTexts(pending, `stuck-jobs, base ${baseId}, run ${runId}:`, now);
  return texts.map((text) => JSON.stringify(bodyOf(format, text, { baseId, runId })));
}

function bodyOf(format: NotifyFormat, text: string, { baseId, runId }: Pick<RunResult, "baseId" | "runId">): unknown {
  const discord = { content: text, allowed_mentions: { parse: [] } };
  switch (format) {
    case "slack":
      return { text };
    case "discord":
      return discord;
    case "teams":
      return {
        type: "message",
        attachments: [
          {
            contentType: "application/vnd.microsoft.card.adaptive",
            content: {
              $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
              type: "AdaptiveCard",
              version: "1.4",
              // A line break within a block is a blank in Teams.
              body: text.split("\n").map((line) => ({ type: "TextBlock", text: escapeMarkdown(line), wrap: true })),
            },
          },
        ],
      };
    case "json":
      return { text, base: baseId, runId, ...discord };
  }
}

/** Returns the mail that has all changes, with the first of them as its subject. */
export function emailOf(pending: readonly Pending[], { baseId, runId }: RunResult, now: Instant): Email {
  const lines = pending.map((each) => lineOf(each, now));
  const [first = ""] = pending.map(({ text }) => makeVisible(text.replaceAll("\n", " ")));
  const more = pending.length > 1 ? ` (and ${pending.length - 1} more)` : "";
  return {
    subject: `stuck-jobs, ${baseId}: ${first.slice(0, MAX_SUBJECT)}${more}`,
    body: `${lines.join("\n")}\n\nBase ${baseId}, run ${runId}.\n`,
  };
}

const MAX_SUBJECT = 120;

function chatTexts(pending: readonly Pending[], head: string, now: Instant): readonly string[] {
  const lines = pending.map((each) => escapeMarkup(lineOf(each, now)).slice(0, MOST_CHARACTERS - head.length - 1));
  const texts: string[] = [];
  for (const line of lines) {
    const last = texts.at(-1);
    if (last !== undefined && last.length + line.length < MOST_CHARACTERS) texts.splice(-1, 1, `${last}\n${line}`);
    else texts.push(`${head}\n${line}`);
  }
  return texts;
}

function lineOf({ at, text }: Pending, now: Instant): string {
  const late = now - at > 60_000 ? `${new Date(at).toISOString().slice(0, 16)}Z: ` : "";
  return `• ${late}${makeVisible(text.replaceAll("\n", " "))}`;
}

/**
 * Names and words from the base must not mention people (`<!channel>`, `@everyone`) or hide a link behind another text
 * (`[text](https://…)`, `<https://…|text>`).
 */
function escapeMarkup(text: string): string {
  return text.replaceAll("<", "‹").replaceAll(">", "›").replaceAll("](", "] (").replaceAll("@", "@\u200b");
}

/** Teams reads Markdown in a card: names from the base must not make links or emphasis of it. */
function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]]/g, "\\$&");
}
