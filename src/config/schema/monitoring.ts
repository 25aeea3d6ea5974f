import * as z from "zod";
import { text } from "./fields.ts";

/** Who is told of runs, as the configuration file writes it. URLs are checked later: a wrong one must not be shown. */
export const watchingSchema = z.strictObject({
  metricsFile: text.nullable().default(null).describe("A Prometheus textfile that is written after each run."),
  pingUrl: text
    .nullable()
    .default(null)
    .describe("Pinged at the start and the end of each run. A secret: better in the environment."),
  notifyUrl: text
    .nullable()
    .default(null)
    .describe("A Slack or Discord webhook for changes. A secret: better in the environment."),
  failuresOver: z.int().min(0).default(5).describe("Notify when more jobs than this are failed in one run."),
});
