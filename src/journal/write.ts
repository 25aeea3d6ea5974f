import { JournalError, UpstreamError } from "../core/ports/errors.ts";
import type { Journal, PendingWrite } from "../core/ports/journal.ts";
import { type LineOf, resultLine, runLine, verdictLine, webhookLine, writeLine } from "./entries.ts";

/** Where lines are kept: a file, or tables. */
export interface LineSink {
  /** Appends lines, so that those of another writer do not come between the parts of one. */
  append(lines: readonly string[]): Promise<void>;
  /** What was appended outlasts a power cut once this has resolved. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A journal, and the lines of it for who keeps them in the transaction that writes. */
export interface JournalWriter extends Journal {
  /** Returns the lines that record writes, with the next numbers of the run. */
  linesOf(writes: readonly PendingWrite[], by: Omit<LineOf, "at" | "base">): readonly string[];
  close(): Promise<void>;
}

/** What a journal needs of its surroundings. */
export interface JournalOptions {
  /** Where the lines go, for people. */
  readonly name: string;
  /** Opens it, for the first write that is announced. */
  readonly open: () => Promise<LineSink>;
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

/** A journal that is opened for the first write that is announced: a run without one touches nothing. */
export function createJournal(options: JournalOptions): JournalWriter {
  const { name, required, baseId, jobsTable, redact, now, onUnavailable } = options;
  let opening: Promise<LineSink> | null = null;
  let broken = false;
  let count = 0;
  let announced = false;

  const open = () => {
    opening ??= options.open();
    return opening;
  };

  /** Does what concerns the lines; without a journal that was not asked for the run goes on. */
  async function withSink(work: (sink: LineSink) => Promise<void>): Promise<void> {
    if (broken) return;
    try {
      await work(await open());
    } catch (error) {
      // A database says itself what is wrong with it, and what to do.
      if (error instanceof UpstreamError) throw error;
      const message = `the journal ${name} cannot be written: ${error instanceof Error ? error.message : error}`;
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

  function numbered(writes: readonly PendingWrite[], by: Omit<LineOf, "at" | "base">): readonly string[] {
    return writes.map((each) => {
      count += 1;
      return text(writeLine(count, each, jobsTable, lineOf(by)));
    });
  }

  async function announceLines(lines: readonly string[]): Promise<void> {
    await withSink(async (sink) => {
      await sink.append(lines);
      await sink.sync();
      announced = true;
    });
  }

  return {
    linesOf(writes, by) {
      announced ||= writes.length > 0;
      return numbered(writes, by);
    },
    async recordIntent(writes, by) {
      const first = count + 1;
      await announceLines(numbered(writes, by));
      return async (results) => {
        const told = writes.map((_, n) => {
          const result = results[n];
          const error = result !== undefined && "error" in result ? result.error : null;
          return text(resultLine(first + n, result?.kind ?? "unconfirmed", error, lineOf(by)));
        });
        await withSink((sink) => sink.append(told));
      };
    },
    async announceWebhook(job, by) {
      count += 1;
      const write = count;
      await announceLines([text(webhookLine(write, job, lineOf(by)))]);
      return async ({ kind, detail }) => {
        await withSink((sink) => sink.append([text(resultLine(write, kind, detail, lineOf(by)))]));
      };
    },
    async recordVerdicts(run, jobs, by) {
      if (!announced) return;
      await withSink(async (sink) => {
        let lines = [text(runLine(run, lineOf(by)))];
        for (const job of jobs) {
          lines.push(text(verdictLine(job, lineOf(by))));
          if (lines.length < PORTION) continue;
          await sink.append(lines);
          lines = [];
        }
        await sink.append(lines);
        await sink.sync();
      });
    },
    async close() {
      if (opening === null) return;
      const sink = await opening.catch(() => null);
      await sink?.close();
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
