import { dirname, join } from "node:path";
import * as z from "zod";
import type { Env } from "../config/env/variables.ts";
import type { Settings } from "../config/settings.ts";
import type { DurationStats } from "../core/stats/durations.ts";
import type { Stats } from "../core/stats/stats.ts";
import { privateFolder, readFileOrEmpty, replaceFile } from "../monitoring/atomic-file.ts";
import { stateDirectory } from "../system/folders.ts";

const schema = z.object({
  schema: z.literal("stuck-jobs/pace@1"),
  operations: z.record(z.string(), z.object({ samples: z.int(), p50: z.number(), p99: z.number() })),
});

/** The file of a base. */
export function durationsFile({ airtable }: Pick<Settings, "airtable">, env: Env): string {
  return join(stateDirectory(env), `pace-${airtable.baseId}.json`);
}

/** Keeps the usual durations of the operations, in milliseconds. What is kept of operations not seen now stays. */
export async function saveDurations(path: string, { operations }: Stats): Promise<void> {
  const seen = operations.flatMap(({ operation, pace }) =>
    pace === null ? [] : [[operation, { samples: pace.samples, p50: pace.p50, p99: pace.p99 }] as const],
  );
  const kept = { ...(await read(path)), ...Object.fromEntries(seen) };
  await privateFolder(dirname(path));
  await replaceFile(path, `${JSON.stringify({ schema: "stuck-jobs/pace@1", operations: kept })}\n`, 0o600);
}

/** How long the jobs of operations usually take, by their names: what `stats --learn` kept. Empty where it did not. */
export type TypicalDurations = ReadonlyMap<string, Pick<DurationStats, "samples" | "p50" | "p99">>;

/** Reads what was learned. It costs a file, and no request. */
export async function readTypicalDurations(path: string): Promise<TypicalDurations> {
  return new Map(Object.entries(await read(path)));
}

/** A file that is missing or broken tells nothing. */
async function read(path: string): Promise<z.output<typeof schema>["operations"]> {
  try {
    return schema.parse(JSON.parse(await readFileOrEmpty(path))).operations;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return {};
    throw error;
  }
}
