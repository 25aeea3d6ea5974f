import * as z from "zod";
import { DURATION_FORM, parseDuration } from "../config/duration.ts";

const pattern = z
  .string()
  .transform((text, context) => {
    try {
      return new RegExp(text);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      context.addIssue({ code: "custom", message: `expected a regular expression: ${error.message}` });
      return z.NEVER;
    }
  })
  .describe("A regular expression that the path must match.");

const duration = z.string().transform((text, context) => {
  const parsed = parseDuration(text);
  if (parsed !== null) return parsed;
  context.addIssue({ code: "custom", message: `expected ${DURATION_FORM}` });
  return z.NEVER;
});

const count = z.int().min(1).optional();

/** Which of the requests that fit a rule it applies to: the `nth` alone, or every `every`-th from `from` to `to`. */
const counted = { path: pattern.optional(), nth: count, every: count, from: count, to: count };
const request = { on: z.enum(["base", "bucket"]).optional(), method: z.string().toUpperCase().optional(), ...counted };

const rule = z
  .discriminatedUnion("do", [
    z.strictObject({
      do: z.literal("answer"),
      ...request,
      status: z.int().min(200).max(599),
      headers: z.record(z.string(), z.string()).default({}),
      body: z.string().default(""),
    }),
    z.strictObject({ do: z.literal("close"), ...request, when: z.enum(["before", "after"]).default("before") }),
    z.strictObject({
      do: z.literal("truncate"),
      ...request,
      how: z.enum(["content-length", "chunked"]).default("content-length"),
    }),
    z.strictObject({ do: z.literal("delay"), ...request, by: duration }),
    z.strictObject({
      do: z.literal("hang"),
      ...request,
      when: z.enum(["before", "after", "midway"]).default("before"),
    }),
    z.strictObject({ do: z.literal("expire-listings"), ...request }),
    z.strictObject({ do: z.literal("drop-attachment"), ...counted }),
  ])
  .superRefine(({ nth, every, from, to }, context) => {
    if (nth !== undefined && (every ?? from ?? to) !== undefined) {
      context.addIssue({ code: "custom", path: ["nth"], message: "expected alone, without every, from and to" });
    }
  });

/** The schema of a file for `sandbox serve --chaos`; docs/sandbox.md explains it. */
export const chaosSchema = z.strictObject({
  requestsPerSecond: z.int().min(1).optional().describe("The base's rate limit instead of Airtable's 5."),
  rules: z.array(rule),
});
