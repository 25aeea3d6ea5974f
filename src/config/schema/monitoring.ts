import * as z from "zod";
import { text } from "./fields.ts";

/** Metrics, pings and notifications. URLs are checked when settings are resolved: an error must not show them. */
export const monitoringSchema = z.strictObject({
  metricsFile: text.nullable().default(null).describe("A Prometheus textfile, written after each run."),
  pingUrl: text
    .nullable()
    .default(null)
    .describe("Pinged at the start and the end of each run. A secret: better in the environment."),
  notifyUrl: text
    .nullable()
    .default(null)
    .describe("A Slack or Discord webhook that is notified of changes. A secret: better in the environment."),
  failuresOver: z.int().min(0).default(5).describe("Notify when more jobs than this are failed in one run."),
});
