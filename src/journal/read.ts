import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import * as z from "zod";
import { hasCode } from "./file.ts";
import { JOURNAL_SCHEMA } from "./lines.ts";

const file = z.object({ id: z.string().nullable(), filename: z.string(), size: z.number().nullable() });
const cell = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(file), z.object({ opaque: z.string() })]);
const said = z.object({ kind: z.string(), reason: z.string() });
const head = z.object({
  schema: z.literal(JOURNAL_SCHEMA),
  at: z.iso.datetime(),
  run: z.string(),
  command: z.string(),
  version: z.string(),
});

const write = head.extend({
  kind: z.literal("write"),
  write: z.int(),
  role: z.enum(["job", "target"]),
  table: z.string(),
  record: z.string(),
  job: z.object({
    id: z.string(),
    externalId: z.string().nullable(),
    operation: z.string().nullable(),
    since: z.string().nullable(),
    ageSeconds: z.number().nullable(),
  }),
  fields: z.record(z.string(), z.object({ before: cell, after: cell })),
  note: z.string().nullable(),
  reason: z.string(),
  detail: z.string(),
  undoes: z.string().nullable(),
});
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
  held: z.array(z.string()),
  force: z.boolean(),
});
const verdict = head.extend({
  kind: z.literal("verdict"),
  job: z.looseObject({ id: z.string() }),
  operation: z.string().nullable(),
  late: z.boolean(),
  looks: z.array(z.array(z.unknown())),
  consultation: z.unknown(),
  decided: said,
  verdict: said.extend({ detail: z.string() }),
  applied: z.boolean(),
  error: z.string().nullable(),
});
const line = z.discriminatedUnion("kind", [write, result, run, verdict]);

export type JournalLine = z.output<typeof line>;
export type WriteLine = z.output<typeof write>;

/** The files of a journal hold something else, or there are none. */
export class NoJournalError extends Error {
  constructor(path: string) {
    super(`${path} is no journal, or there is none`);
    this.name = "NoJournalError";
  }
}

/**
 * The lines of a journal's files, oldest first. What a writer that died left torn is skipped, and so are lines of a
 * kind that is not known.
 *
 * @throws NoJournalError where none of the files is there
 */
export async function* readLines(paths: readonly string[]): AsyncIterable<JournalLine> {
  let found = 0;
  for (const path of paths) {
    try {
      for await (const text of createInterface({
        input: createReadStream(path),
        crlfDelay: Number.POSITIVE_INFINITY,
      })) {
        const read = parsed(text);
        if (read !== null) yield read;
      }
      found += 1;
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
  if (found === 0) throw new NoJournalError(paths.at(-1) ?? "");
}

function parsed(text: string): JournalLine | null {
  if (!text.startsWith("{")) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const checked = line.safeParse(value);
  return checked.success ? checked.data : null;
}
