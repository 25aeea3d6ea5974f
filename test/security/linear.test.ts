import { describe, expect, it } from "vitest";
import { trimLineEnds, wrap } from "../../src/cli/render/text.ts";
import { makePrintable } from "../../src/cli/terminal/safe-output.ts";
import { fileNameOf, isUrlOf } from "../../src/core/domain/evidence.ts";
import {
  appendLine,
  foldLines,
  isOwnError,
  lastZonedTime,
  parseNotedFiles,
  parseRefusals,
  parseRule,
  REFUSED_PREFIX,
  refusedLine,
  wasResent,
} from "../../src/core/domain/notes.ts";
import { externalIdsIn, isOutputName } from "../../src/core/domain/output-names.ts";
import { parsePayload } from "../../src/core/domain/payload.ts";
import { parseReportedResult, recordedOutputs } from "../../src/core/domain/response-payload.ts";
import { makeVisible } from "../../src/core/domain/visible.ts";
import { findPollerNotes } from "../../src/doctor/other-pollers.ts";
import { parseRetryAfter } from "../../src/http/retry.ts";
import { redactText } from "../../src/journal/redact-secrets.ts";
import { asUrl, toErrorText } from "../../src/providers/error-text.ts";
import { isFromCache } from "../../src/storage/cache-headers.ts";
import { parseError, parseListing } from "../../src/storage/s3-xml.ts";
import { parseExternalId, parseInstant, parseStartTime } from "../../src/stores/airtable/parse-records.ts";
import { COMBINE, job, NOW } from "../support/builders.ts";

const BY = { runId: "r", version: "1" };
const OWN = refusedLine("k", "e", NOW, BY);

/** What foreign text meets on its way through the program. */
const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  parsePayload,
  parseReportedResult,
  recordedOutputs,
  appendLine: (text) => appendLine(text, OWN),
  foldLines,
  isOwnError,
  lastZonedTime: (text) => lastZonedTime(text, "Completed via polling at "),
  parseNotedFiles: (text) => parseNotedFiles(`Completed via polling at ${text}`),
  parseRule,
  parseRefusals: (text) => parseRefusals(`${REFUSED_PREFIX}${text}`),
  wasResent: (text) => wasResent(text, "x1"),
  refusedLine: (text) => refusedLine(text, text, NOW, BY),
  makeVisible,
  makePrintable: (text) => makePrintable(text, true),
  trimLineEnds,
  wrap: (text) => wrap(text, 80),
  toErrorText,
  asUrl,
  redactText,
  fileNameOf,
  isUrlOf: (text) => isUrlOf(text, "x1.mp4"),
  isOutputName: (text) => isOutputName(COMBINE, text),
  externalIdsIn: (text) => externalIdsIn(COMBINE, text),
  parseExternalId,
  parseStartTime,
  parseInstant,
  parseRetryAfter: (text) => parseRetryAfter(text, NOW),
  isFromCache: (text) =>
    isFromCache({ kind: "answer", status: 404, headers: { "cache-status": text, "x-cache": text, age: text } }),
  parseListing,
  parseError,
  findPollerNotes: (text) => findPollerNotes({ stuck: [], finished: [job({ notes: text })], whole: true }, NOW),
};

/** What makes a careless expression look back: each is repeated, and then not followed by what was expected. */
const PARTS: readonly string[] = [
  ..." \n\t?#/.:<>[]{}()'\"\\%&=a1-_,;~",
  "\r\n",
  "a ",
  "1 ",
  "http://",
  "%41",
  "::",
  "##[",
  "{'a':",
  '{"a":[',
  "1 bytes ",
  "a (",
  "a (1 bytes, ",
  "hit;",
  "key=",
  "token: '",
  "\u001b]8;;",
  "\u001b[0m",
  "<Key>",
  "&amp;",
  "… and 1 earlier line of stuck-jobs\n",
  `${OWN}\n`,
  " [stuck-jobs 1, run ",
  "Completed via polling ",
  "2026-01-01T00:00",
  "rule ",
];

const ENDS = ["", "\nx"];

/** In `npm run fuzz` the text has 1 MB. */
const LENGTH = process.env.STUCK_JOBS_FUZZ_RUNS === undefined ? 250_000 : 1_000_000;
const SMALL_LENGTH = 50_000;

/** CPU time in ms: what else the machine does at the moment does not count. */
function cpuOf(work: () => unknown): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}

describe("a long foreign text", () => {
  it.each(Object.keys(READERS))("is read in a time that grows with its length by %s", (name) => {
    const read = READERS[name];
    if (read === undefined) throw new Error(`no reader ${name}`);
    const slow = PARTS.flatMap((part) =>
      ENDS.flatMap((end) => {
        const textOf = (length: number) => `${part.repeat(Math.ceil(length / part.length))}${end}`;
        // A quadratic expression takes seconds for the small one already.
        const small = Math.max(
          cpuOf(() => read(textOf(SMALL_LENGTH))),
          20,
        );
        if (small > 1_000) return [[part, end, small]];
        const large = cpuOf(() => read(textOf(LENGTH)));
        return large > (small * 4 * LENGTH) / SMALL_LENGTH ? [[part, end, large]] : [];
      }),
    );
    expect(slow).toEqual([]);
  });
});
