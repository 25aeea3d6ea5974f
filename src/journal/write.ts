import { JournalError } from "../core/ports/errors.ts";
import type { Journal } from "../core/ports/journal.ts";
import type { LineFile, Rotation } from "./append-file.ts";
import { type LineOf, resultLine, runLine, verdictLine, webhookLine, writeLine } from "./entries.ts";

/** What a journal needs of its surroundings. */
export interface JournalOptions extends Rotation {
  readonly path: string;
  /** Whether it was asked for: then nothing may be written that it does not hold. Else it is done without. */
  readonly required: boolean;
  readonly baseId: string;
  /** The name of the jobs' table. */
  readonly jobsTable: string;
  /** Takes out of a text what must not be shown. */
  readonly redact: (text: string) => string;
  readonly now: () => number;
  /** Told once, where the journal cannot be written and is done without; `begun`: some of it was written. */
  readonly onUnavailable: (message: string, begun: boolean) => void;
}

/** Verdicts that are written between two turns of the event loop. */
const PORTION = 200;

/** A journal in a file, which is opened for the first write that is announced: a run without one touches nothing. */
export function createJournal(options: JournalOptions): Journal & { close(): Promise<void> } {
  const { path, required, baseId, jobsTable, redact, now, onUnavailable } = options;
  let opening: Promise<LineFile> | null = null;
  let broken = false;
  let count = 0;
  let announced = false;

  const open = () => {
    opening ??= import("./append-file.ts").then(({ openAppendFile: openLines }) => openLines(path, options));
    return opening;
  };

  /** Does what concerns the file; without a journal that was not asked for the run goes on. */
  async function withFile(work: (file: LineFile) => Promise<void>): Promise<void> {
    if (broken) return;
    try {
      await work(await open());
    } catch (error) {
      const message = `the journal ${path} cannot be written: ${error instanceof Error ? error.message : error}`;
      if (required) {
        throw new JournalError(message, "Nothing is written without it; name another file, or --journal none.", {
          cause: error,
        });
      }
      broken = true;
      onUnavailable(message, announced);
    }
  }

  const lineOf = (by: Omit<LineOf, "at" | "base">): LineOf => ({ ...by, base: baseId, at: new Date(now()) });
  const text = (line: object) => JSON.stringify(redacted(line, redact));

  async function announceLines(lines: readonly string[]): Promise<void> {
    await withFile(async (file) => {
      await file.append(lines);
      await file.sync();
      announced = true;
    });
  }

  return {
    async recordIntent(writes, by) {
      const first = count + 1;
      count += writes.length;
      await announceLines(writes.map((each, n) => text(writeLine(first + n, each, jobsTable, lineOf(by)))));
      return async (results) => {
        const told = writes.map((_, n) => {
          const result = results[n];
          const error = result !== undefined && "error" in result ? result.error : null;
          return text(resultLine(first + n, result?.kind ?? "unconfirmed", error, lineOf(by)));
        });
        await withFile((file) => file.append(told));
      };
    },
    async announceWebhook(job, by) {
      count += 1;
      const write = count;
      await announceLines([text(webhookLine(write, job, lineOf(by)))]);
      return async ({ kind, detail }) => {
        await withFile((file) => file.append([text(resultLine(write, kind, detail, lineOf(by)))]));
      };
    },
    async recordVerdicts(run, jobs, by) {
      if (!announced) return;
      await withFile(async (file) => {
        let lines = [text(runLine(run, lineOf(by)))];
        for (const job of jobs) {
          lines.push(text(verdictLine(job, lineOf(by))));
          if (lines.length < PORTION) continue;
          await file.append(lines);
          lines = [];
        }
        await file.append(lines);
        await file.sync();
      });
    },
    async close() {
      if (opening === null) return;
      const file = await opening.catch(() => null);
      await file?.close();
    },
  };
}

/** With all its texts redacted; before and not after it is JSON, which writes some characters of a secret otherwise. */
function redacted(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === "string") return redact(value);
  if (Array.isArray(value)) return value.map((each) => redacted(each, redact));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, redacted(each, redact)]));
}
