import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import * as z from "zod";
import { snapshotSchema } from "./airtable/tables.ts";

const stateSchema = z.object({
  /** Of the base and of the bucket: taken again where they are free, so that recorded URLs stay true. */
  ports: z.object({ base: z.int(), bucket: z.int() }),
  storageUrl: z.string(),
  base: snapshotSchema,
  objects: z.array(
    z.object({
      key: z.string(),
      object: z.object({ bytes: z.number(), contentType: z.string(), lastModified: z.number() }),
    }),
  ),
  /** Whether the application's webhook is yet to come. */
  webhookPending: z.boolean(),
});

/** What the sandbox keeps from run to run. */
export type State = z.output<typeof stateSchema>;

/** The file holds something else than a sandbox's state. */
export class StateFileError extends Error {
  constructor(cause: unknown) {
    super("does not hold the state of a sandbox; start anew with: stuck-jobs sandbox reset", { cause });
    this.name = "StateFileError";
  }
}

/** @throws StateFileError; null where there is no file */
export function readState(path: string): State | null {
  if (!existsSync(path)) return null;
  try {
    return stateSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new StateFileError(error);
  }
}

/** Written by rename: a sandbox that is killed leaves the old state or the new one. */
export function writeState(path: string, state: State): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(state));
  renameSync(draft, path);
}

/** The state as if the bucket had always been at `storageUrl`. */
export function movedTo(state: State, storageUrl: string): State {
  if (state.storageUrl === storageUrl) return state;
  return stateSchema.parse(JSON.parse(JSON.stringify(state).replaceAll(state.storageUrl, storageUrl)));
}
