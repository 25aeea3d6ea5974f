import * as z from "zod";
import { text } from "./fields.ts";
import { duration } from "./thresholds.ts";

/** The queue counts in whole seconds, and not below ten. */
const LEAST_HEARTBEAT_MS = 10_000;

/** How several hosts share the sweeps. */
export const fleet = z.strictObject({
  schema: text.default("stuck_jobs").describe("The schema of queue and history; `stuck-jobs db migrate` creates it."),
  heartbeat: duration
    .prefault("10s")
    .refine((ms) => ms >= LEAST_HEARTBEAT_MS && ms % 1000 === 0, "expected whole seconds, 10s or more")
    .describe("A host that is silent for this long loses the base that it sweeps, and another host takes over."),
  concurrency: z.int().min(1).max(100).default(16).describe("How many bases one host sweeps at the same time."),
  whenDown: z
    .enum(["stop", "alone"])
    .default("stop")
    .describe(
      "What to do without the database: end with exit code 5, or sweep all bases with a share of the request rate.",
    ),
  hosts: z
    .int()
    .min(1)
    .max(1000)
    .default(2)
    .describe("The number of hosts, by which `whenDown: alone` divides the request rates."),
});
