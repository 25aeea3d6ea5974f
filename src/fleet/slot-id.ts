import { createHash } from "node:crypto";

/** The namespace of the ids of planned sweeps. */
const NAMESPACE = Buffer.from("6d1c2f0a5b1e4f7c9f0e3a7d2c4b8e61", "hex");

/**
 * Returns the id of the sweep of a base in a slot, a UUID of version 5: hosts that plan at the same time make the same
 * one, and the queue takes it once.
 */
export function sweepId(baseId: string, slot: string): string {
  const hash = createHash("sha1").update(NAMESPACE).update(`${baseId} ${slot}`).digest().subarray(0, 16);
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const text = hash.toString("hex");
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}
