import { type FileHandle, open } from "node:fs/promises";
import * as z from "zod";
import { hasCode } from "./append-file.ts";
import { JOURNAL_SCHEMA } from "./entries.ts";
import { upgradeLine } from "./upgrade.ts";

const file = z.object({ id: z.string().nullable(), filename: z.string(), size: z.number().nullable() });
const cell = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(file), z.object({ opaque: z.string() })]);
const said = z.object({ kind: z.string(), reason: z.string() });
const head = z.object({
  schema: z.literal(JOURNAL_SCHEMA),
  at: z.iso.datetime(),
  /** Early lines do not name it. */
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
  undoes: z.string().nullable(),
});
const webhook = head.extend({ kind: z.literal("webhook"), write: z.int(), job });
const result = head.extend({
  kind: z.literal("result"),
  write: z.int(),
  result: z.string(),
  error: z.string().nullable(),
});
const run = head.extend({
  kind: z.literal("run"),
  now: z.iso.datetime(),
  calibration: z
    .object({ kind: z.enum(["missing-is-404", "missing-is-403", "failed"]), detail: z.string() })
    .nullable(),
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
  decision: said,
  verdict: said.extend({ detail: z.string() }),
  applied: z.boolean(),
  error: z.string().nullable(),
});
const line = z.discriminatedUnion("kind", [write, webhook, result, run, verdict]);

export type JournalLine = z.output<typeof line>;
const KINDS = ["write", "webhook", "result", "run", "verdict"] as const satisfies readonly JournalLine["kind"][];
export type WriteLine = z.output<typeof write>;
export type WebhookLine = z.output<typeof webhook>;

/** The files of a journal hold something else, or there are none. */
export class NoJournalError extends Error {
  constructor(path: string) {
    super(`${path} is no journal, or there is none`);
    this.name = "NoJournalError";
  }
}

/**
 * The lines of a journal's files, oldest first; `paths` are in that order. What a writer that died left torn is
 * skipped, and so are lines of a kind that is not known, or not among `kinds`.
 *
 * @throws NoJournalError where none of the files is there
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
 * Opens what is there, oldest first. The newest is opened first: files that are set aside meanwhile only grow older, so
 * that none is missed, and one that is met twice is left out.
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
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
  return [...files.values()].reverse();
}

const saysKind = z.object({ kind: z.string() });

/** Returns a line out of its text; null for one that is torn, of an unknown kind, or of none that is wanted. */
export function parseLine(text: string, kinds: readonly string[]): JournalLine | null {
  if (!text.startsWith("{")) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const said = saysKind.safeParse(value);
  if (!said.success || !kinds.includes(said.data.kind)) return null;
  const checked = line.safeParse(upgradeLine(value));
  return checked.success ? checked.data : null;
}
