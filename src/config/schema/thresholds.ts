import * as z from "zod";
import { DURATION_FORM, parseDuration } from "../duration.ts";

/** The form of durations, for editors; `parseDuration` decides. */
export const DURATION_PATTERN = "^\\s*\\d{1,9}(\\.\\d{1,3})?(ms|s|m|h|d)\\s*$";

export const duration = z
  .string({ error: `expected ${DURATION_FORM}` })
  .meta({ pattern: DURATION_PATTERN })
  .transform((value, context) => {
    const parsed = parseDuration(value);
    if (parsed !== null) return parsed;
    context.addIssue({ code: "custom", message: `expected ${DURATION_FORM}` });
    return z.NEVER;
  });

const maxAge = z.union([z.literal("none").transform(() => null), duration]);

export const thresholds = z.strictObject({
  stuckAfter: duration.describe("A job with one of the stuck statuses that is older than this is stuck."),
  failAfter: duration.describe("A stuck job older than this is failed if its output is proven absent."),
  maxAge: maxAge.describe('`recover` leaves older jobs to `fail-old`; "none" for no limit.'),
  providerCap: duration.describe("Up to this age of a job, a provider is believed that reports the job as running."),
});
