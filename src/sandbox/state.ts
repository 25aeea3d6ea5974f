import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import * as z from "zod";
import { snapshotSchema } from "./airtable/tables.ts";

const stateSchema = z.object({
  /** The ports of the base and the bucket: used again where they are free, so that recorded URLs stay valid. */
  ports: z.object({ base: z.int(), bucket: z.int() }),
  storageUrl: z.string(),
  base: snapshotSchema,
  objects: z.array(
    z.object({
      key: z.string(),
      object: z.object({ bytes: z.number(), contentType: z.string(), lastModified: z.number() }),
    }),
  ),
  /** Whether the application's webhook has not arrived yet. */
  webhookPending: z.boolean(),
});

/** The state that the sandbox keeps between runs. */
export type SandboxState = z.output<typeof stateSchema>;

/** The file holds no state of a sandbox. */
export class StateFileError extends Error {
  constructor(cause: unknown) {
    super("holds no state of a sandbox; start over with: stuck-jobs sandbox reset", { cause });
    this.name = "StateFileError";
  }
}

/** Reads the state; returns null where there is no file. @throws StateFileError */
export function readState(path: string): SandboxState | null {
  if (!existsSync(path)) return null;
  try {
    return stateSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new StateFileError(error);
  }
}

/** Writes the state by a rename: a sandbox that is killed leaves the old state or the new one. */
export function writeState(path: string, state: object): void {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, JSON.stringify(state), { flag: "wx" });
  renameSync(draft, path);
}

/** Returns the state with `storageUrl` for the URL of the bucket. */
export function moveTo(state: SandboxState, storageUrl: string): SandboxState {
  if (state.storageUrl === storageUrl) return state;
  return stateSchema.parse(JSON.parse(JSON.stringify(state).replaceAll(state.storageUrl, storageUrl)));
}
