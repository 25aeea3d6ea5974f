import { dirname, join } from "node:path";
import * as z from "zod";
import type { Env } from "../config/env/variables.ts";
import type { Settings } from "../config/settings.ts";
import type { DurationStats } from "../core/stats/durations.ts";
import type { Stats } from "../core/stats/stats.ts";
import { makeStateFolder, readFileOrEmpty, replaceFile } from "../system/files.ts";
import { stateDirectory } from "../system/folders.ts";

const schema = z.object({
  schema: z.literal("stuck-jobs/pace@1"),
  operations: z.record(z.string(), z.object({ samples: z.int(), p50: z.number(), p99: z.number() })),
});

/** Returns the path of the file of a base. */
export function durationsFile({ store }: Pick<Settings, "store">, env: Env): string {
  return join(stateDirectory(env), `pace-${store.baseId}.json`);
}

/** Saves the typical durations of the operations, in milliseconds. Operations without jobs keep their values. */
export async function saveDurations(path: string, { operations }: Stats): Promise<void> {
  const seen = operations.flatMap(({ operation, pace }) =>
    pace === null ? [] : [[operation, { samples: pace.samples, p50: pace.p50, p99: pace.p99 }] as const],
  );
  const merged = { ...(await read(path)), ...Object.fromEntries(seen) };
  await makeStateFolder(dirname(path));
  await replaceFile(path, `${JSON.stringify({ schema: "stuck-jobs/pace@1", operations: merged })}\n`, 0o600);
}

/** Typical durations by operation, as saved by `stats --learn`; empty without it. */
export type TypicalDurations = ReadonlyMap<string, Pick<DurationStats, "samples" | "p50" | "p99">>;

/** Reads the typical durations from the file. */
export async function readTypicalDurations(path: string): Promise<TypicalDurations> {
  return new Map(Object.entries(await read(path)));
}

/** A missing or invalid file is empty. */
async function read(path: string): Promise<z.output<typeof schema>["operations"]> {
  try {
    return schema.parse(JSON.parse(await readFileOrEmpty(path))).operations;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return {};
    throw error;
  }
}
