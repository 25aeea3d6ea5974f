import { type FileHandle, open } from "node:fs/promises";
import * as z from "zod";
import { hasCode } from "../system/files.ts";
import { JOURNAL_SCHEMA } from "./entries.ts";
import { upgradeLine } from "./upgrade.ts";

const file = z.object({ id: z.string().nullable(), filename: z.string(), size: z.number().nullable() });
const cell = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(file), z.object({ opaque: z.string() })]);
const verdictFields = z.object({ kind: z.string(), reason: z.string() });
const head = z.object({
  schema: z.literal(JOURNAL_SCHEMA),
  at: z.iso.datetime(),
  /** Absent in the first version's lines. */
  base: z.string().optional(),
  run: z.string(),
  command: z.string(),
  version: z.string(),
});

const job = z.object({
  id: z.string(),
  externalId: z.string().nullable(),
  operation: z.string().nullable(),
  since: z.iso.datetime().nullable(),
  ageSeconds: z.number().nullable(),
});
const write = head.extend({
  kind: z.literal("write"),
  write: z.int(),
  role: z.enum(["job", "target"]),
  table: z.string(),
  record: z.string(),
  job,
  fields: z.record(z.string(), z.object({ before: cell, after: cell })),
  note: z.string().nullable(),
  reason: z.string(),
  detail: z.string(),
  supersededBy: z.string().nullable().default(null),
  undoes: z.string().nullable(),
});
const webhook = head.extend({ kind: z.literal("webhook"), write: z.int(), job });
const result = head.extend({
  kind: z.literal("result"),
  write: z.int(),
  result: z.string(),
  error: z.string().nullable(),
  files: z.record(z.string(), z.array(file)).default({}),
});
const refusal = head.extend({
  kind: z.literal("refusal"),
  of: z.string(),
  error: z.string().nullable(),
  job: z.object({ id: z.string() }),
  scope: z.enum(["field", "permission", "token"]).nullable().default(null),
});
const calibration = z
  .object({ kind: z.enum(["missing-is-404", "missing-is-403", "failed"]), detail: z.string() })
  .nullable();
const run = head.extend({
  kind: z.literal("run"),
  now: z.iso.datetime(),
  calibration,
  calibrations: z.record(z.string(), calibration).default({}),
  failedBefore: z.record(z.string(), z.number()),
  blocked: z.array(z.string()),
  force: z.boolean(),
});
const verdict = head.extend({
  kind: z.literal("verdict"),
  job: z.looseObject({ id: z.string() }),
  operation: z.string().nullable(),
  reopened: z.boolean(),
  probeGroups: z.array(z.array(z.unknown())),
  providerReply: z.unknown(),
  decision: verdictFields,
  verdict: verdictFields.extend({ detail: z.string() }),
  applied: z.boolean(),
  error: z.string().nullable(),
});
const line = z.discriminatedUnion("kind", [write, webhook, result, refusal, run, verdict]);

export type JournalLine = z.output<typeof line>;
const KINDS = [
  "write",
  "webhook",
  "result",
  "refusal",
  "run",
  "verdict",
] as const satisfies readonly JournalLine["kind"][];
export type WriteLine = z.output<typeof write>;
export type ResultLine = z.output<typeof result>;
export type WebhookLine = z.output<typeof webhook>;

/** None of a journal's files exists, or they hold something else. */
export class NoJournalError extends Error {
  constructor(path: string) {
    super(`${path} is no journal, or there is none`);
    this.name = "NoJournalError";
  }
}

/**
 * Yields the lines of a journal's files, oldest first; `paths` are in that order. Skips lines that a killed writer left
 * incomplete, and those of an unknown kind or not among `kinds`.
 *
 * @throws NoJournalError where none of the files exists
 */
export async function* readLines(
  paths: readonly string[],
  kinds: readonly JournalLine["kind"][] = KINDS,
): AsyncIterable<JournalLine> {
  const files = await openAll(paths);
  if (files.length === 0) throw new NoJournalError(paths.at(-1) ?? "");
  try {
    for (const file of files) {
      for await (const text of file.readLines()) {
        const read = parseLine(text, kinds);
        if (read !== null) yield read;
      }
    }
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

/**
 * Opens the files that exist, and returns them oldest first. The newest is opened first, so that a rotation during the
 * loop cannot hide a file; one that is met twice is recognized by its inode.
 */
async function openAll(paths: readonly string[]): Promise<readonly FileHandle[]> {
  const files = new Map<string, FileHandle>();
  for (const path of paths.toReversed()) {
    try {
      const file = await open(path);
      const { dev, ino } = await file.stat();
      const key = `${dev} ${ino}`;
      if (files.has(key)) await file.close();
      else files.set(key, file);
    } catch (error) {
      // A folder of the path may be a file.
      if (!hasCode(error, "ENOENT") && !hasCode(error, "ENOTDIR")) throw error;
    }
  }
  return [...files.values()].reverse();
}

const anyLine = z.object({ kind: z.string() });

/** Returns a parsed line; null for one that is incomplete, nested too deep, or not of one of the kinds. */
export function parseLine(text: string, kinds: readonly string[]): JournalLine | null {
  // Most lines of a large journal are of other kinds: they are not parsed.
  if (!text.startsWith("{") || !kinds.some((kind) => text.includes(`"${kind}"`))) return null;
  try {
    const value: unknown = JSON.parse(text);
    const { success, data } = anyLine.safeParse(value);
    if (!success || !kinds.includes(data.kind)) return null;
    return line.safeParse(upgradeLine(value)).data ?? null;
  } catch (error) {
    // A RangeError is a value nested so deep that the stack is used up. No run writes such a line.
    if (error instanceof SyntaxError || error instanceof RangeError) return null;
    throw error;
  }
}
