import { asWritesRefused, JournalError, UpstreamError } from "../core/ports/errors.ts";
import type { Journal, JournalFile, PendingWrite } from "../core/ports/journal.ts";
import type { WriteResult } from "../core/ports/ports.ts";
import { hasCode } from "../system/files.ts";
import { type LineOf, refusalLine, resultLine, runLine, verdictLine, webhookLine, writeLine } from "./entries.ts";
import { HISTORY_KINDS, readHistory } from "./history.ts";
import { collectRefusals, collectWebhooks } from "./memory.ts";
import type { JournalLine } from "./read.ts";

/** Where lines are kept: a file, or tables. */
export interface LineSink {
  /** Appends lines, so that those of another writer do not come between the parts of one. */
  append(lines: readonly string[]): Promise<void>;
  /** What was appended outlasts a power cut once this has resolved. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A journal; its lines can also be had, for a store that writes them in its own transaction. */
export interface JournalWriter extends Journal {
  /** Returns the lines that record writes, with the next numbers of the run. */
  linesOf(writes: readonly PendingWrite[], by: Omit<LineOf, "at" | "base">): readonly string[];
  /** Returns whether a write to the base was confirmed that is still on record. Reads no further than to the first. */
  hasWritten(): Promise<boolean>;
  close(): Promise<void>;
}

/** Where the lines of a journal go, and what they are made with. */
export interface JournalOptions {
  /** The name of the file or tables, for messages. */
  readonly name: string;
  /** Opens the file or tables; called for the first write that is announced. */
  readonly open: () => Promise<LineSink>;
  /** Reads the lines of some kinds that it holds; none where there is no journal yet. */
  readonly read: <T>(
    kinds: readonly JournalLine["kind"][],
    collect: (lines: AsyncIterable<JournalLine>) => Promise<T>,
  ) => Promise<T>;
  /** Whether nothing may be written that the journal does not hold; else the run continues without it. */
  readonly required: boolean;
  readonly baseId: string;
  /** The name of the jobs' table. */
  readonly jobsTable: string;
  /** Removes secrets from a text. */
  readonly redact: (text: string) => string;
  readonly now: () => number;
  /**
   * Called once, where the journal cannot be written and the run continues without it. `isExpected`: its place cannot be
   * written at all, as in a read-only container; else something is wrong, such as a full disk.
   */
  readonly onUnavailable: (message: string, isExpected: boolean) => void;
}

/** Codes of a place that cannot be written. */
const NOT_WRITABLE = ["EROFS", "EACCES", "EPERM", "ENOTDIR", "ENOENT", "EEXIST"];

/** The number of verdicts that are written between two turns of the event loop. */
const PORTION = 500;

/** Opens a journal. Its file is opened for the first write that is announced: a run without one does not touch it. */
export function createJournal(options: JournalOptions): JournalWriter {
  const { name, read, required, baseId, jobsTable, redact, now, onUnavailable } = options;
  let opening: Promise<LineSink> | null = null;
  let broken = false;
  let count = 0;
  let announced = false;

  const open = () => {
    // Without it nothing is written, so that nothing was, where a right or the schema is missing.
    opening ??= options.open().catch((error: unknown) => {
      throw asWritesRefused(error);
    });
    return opening;
  };

  /** Works on the file or tables. Where that fails, the run continues without the journal, unless it is required. */
  async function withSink(work: (sink: LineSink) => Promise<void>): Promise<void> {
    if (broken) return;
    try {
      await work(await open());
    } catch (error) {
      // The error of a database names its cause and what to do.
      if (error instanceof UpstreamError) throw error;
      const message = `the journal ${name} cannot be written: ${error instanceof Error ? error.message : error}`;
      if (required) {
        throw new JournalError(message, "Nothing is written without it; name another file, or --journal none.", {
          cause: error,
        });
      }
      broken = true;
      onUnavailable(message, !announced && hasCode(error, ...NOT_WRITABLE));
    }
  }

  const lineOf = (by: Omit<LineOf, "at" | "base">): LineOf => ({ ...by, base: baseId, at: new Date(now()) });
  const text = (line: object) => JSON.stringify(hasSecret(line, redact) ? redacted(line, redact) : line);

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

  async function isWritable(): Promise<boolean> {
    await withSink(async () => undefined);
    return !broken;
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
        const lines = writes.map((_, n) => {
          const result = results[n];
          const error = result !== undefined && "error" in result ? result.error : null;
          return text(resultLine(first + n, result?.kind ?? "unconfirmed", error, lineOf(by), filesOf(result)));
        });
        await withSink((sink) => sink.append(lines));
      };
    },
    async recordWebhookIntent(job, by) {
      count += 1;
      const write = count;
      await announceLines([text(webhookLine(write, job, lineOf(by)))]);
      return async ({ kind, detail }) => {
        await withSink((sink) => sink.append([text(resultLine(write, kind, detail, lineOf(by)))]));
      };
    },
    async recordRefusal(refused, by) {
      await announceLines([text(refusalLine(refused, lineOf(by)))]);
    },
    isWritable,
    hasWritten: () => read(["result"], (lines) => findConfirmed(lines, baseId)),
    readRefusals: () => read(["refusal"], (lines) => collectRefusals(lines, baseId)),
    async readWrites() {
      try {
        return (await read(HISTORY_KINDS, (lines) => readHistory(lines, baseId))).writes;
      } catch (error) {
        // As in a run without a journal: what it holds is not known.
        if (hasCode(error, ...NOT_WRITABLE)) return [];
        throw error;
      }
    },
    async readWebhooks() {
      try {
        return await read(["webhook", "result"], (lines) => collectWebhooks(lines, baseId));
      } catch (error) {
        // One that can be written and not read may hold webhooks that must not be sent again.
        if (hasCode(error, ...NOT_WRITABLE) && !(await isWritable())) return new Set();
        throw error;
      }
    },
    async recordVerdicts(run, jobs, by) {
      if (!announced) return;
      await withSink(async (sink) => {
        let lines = [text(runLine(run, lineOf(by)))];
        let appending: Promise<void> = Promise.resolve();
        for (const job of jobs) {
          lines.push(text(verdictLine(job, lineOf(by))));
          if (lines.length < PORTION) continue;
          // The next portion is made while this one is being written.
          await appending;
          appending = sink.append(lines);
          appending.catch(() => undefined);
          lines = [];
        }
        await appending;
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

async function findConfirmed(lines: AsyncIterable<JournalLine>, baseId: string): Promise<boolean> {
  for await (const line of lines) {
    if (line.kind === "result" && line.result === "confirmed" && (line.base ?? baseId) === baseId) return true;
  }
  return false;
}

/** Returns the files of a confirmed write, without their URLs. */
function filesOf(result: WriteResult | undefined): Readonly<Record<string, readonly JournalFile[]>> {
  const files = result?.kind === "confirmed" ? (result.files ?? {}) : {};
  const named = Object.entries(files).map(([field, held]) => {
    return [field, held.map(({ id, filename, size }) => ({ id, filename, size }))] as const;
  });
  return Object.fromEntries(named);
}

/** Returns whether a text of the value has to be redacted. All are searched at once, which is much faster than each. */
function hasSecret(value: object, redact: (text: string) => string): boolean {
  const texts: string[] = [];
  collectTexts(value, texts);
  const all = texts.join("\n");
  return redact(all) !== all;
}

function collectTexts(value: unknown, into: string[]): void {
  if (typeof value === "string") into.push(value);
  else if (typeof value === "object" && value !== null)
    for (const each of Object.values(value)) collectTexts(each, into);
}

/** Redacts all texts of a value, before it becomes JSON: that escapes some characters of a secret. */
function redacted(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === "string") return redact(value);
  if (Array.isArray(value)) return value.map((each) => redacted(each, redact));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, redacted(each, redact)]));
}
