import { dirname, join } from "node:path";
import * as z from "zod";
import type { Env } from "../config/env/variables.ts";
import { makeStateFolder, readFileOrEmpty, replaceFile } from "../system/files.ts";
import { stateDirectory } from "../system/folders.ts";
import { type AlertState, NO_ALERTS } from "./changes.ts";
import type { Pending } from "./messages.ts";
import type { StateStore } from "./run-result.ts";

/** What is kept from run to run: the current alerts, and messages that could not be posted yet. */
export interface State {
  readonly conditions: AlertState;
  /** For the webhook. */
  readonly pending: readonly Pending[];
  readonly pendingEmail: readonly Pending[];
}

export const EMPTY_STATE: State = { conditions: NO_ALERTS, pending: [], pendingEmail: [] };

const pendingSchema = z.array(z.object({ at: z.number(), text: z.string() }));

const schema = z.object({
  schema: z.literal("stuck-jobs/monitoring@1"),
  conditions: z.object({
    braked: z.array(z.string()),
    undecidedRuns: z.int().min(0),
    manyFailed: z.boolean(),
    outages: z.array(
      z.object({
        need: z.enum(["Airtable", "PostgreSQL", "storage", "journal"]),
        since: z.number(),
        runs: z.int().min(1),
      }),
    ),
    undelivered: z.array(z.string()),
    expired: z.array(z.string()).default([]),
  }),
  pending: pendingSchema,
  pendingEmail: pendingSchema.default([]),
});

/** The file of a base. */
export function stateFileOf(baseId: string, env: Env): string {
  return join(stateDirectory(env), `${baseId}.json`);
}

/** Keeps the state in a file. Its folder is made if it is missing. */
export function fileStore(path: string): StateStore {
  return {
    read: () => readFileOrEmpty(path),
    async write(text) {
      await makeStateFolder(dirname(path));
      await replaceFile(path, `${text}\n`, 0o600);
    },
  };
}

/** Reads the state. What is missing or broken counts as empty: current alerts are then sent again. */
export async function readState(store: StateStore): Promise<State> {
  const text = await store.read();
  try {
    const { conditions, pending, pendingEmail } = schema.parse(JSON.parse(text));
    return { conditions, pending, pendingEmail };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return EMPTY_STATE;
    throw error;
  }
}

/** Keeps the state for the next run. */
export async function writeState(store: StateStore, state: State): Promise<void> {
  await store.write(JSON.stringify({ schema: "stuck-jobs/monitoring@1", ...state }));
}
