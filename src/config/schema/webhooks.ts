import * as z from "zod";
import { text } from "./fields.ts";

export const via = z.enum(["direct", "webhook"]);
export const fallback = z.enum(["direct", "none"]);

/** `host` or `host:port`, as in the webhook URLs. */
const allowedHost = z
  .string()
  .regex(/^([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i, { error: "expected a host, or host:port" })
  .transform((value) => value.toLowerCase());

export const webhooks = z
  .strictObject({
    allowHosts: z.array(allowedHost).default([]).describe("The only hosts that webhooks are sent to again."),
    via: via.default("direct").describe("Who completes a job: this tool, or the application's own handler."),
    fallback: fallback.default("direct").describe("What to do when the handler did not complete the job."),
    signature: z
      .strictObject({
        header: z
          .string()
          .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: "expected the name of a header" })
          .describe("The header of the signature."),
        algorithm: z.literal("sha256").default("sha256").describe("The only algorithm."),
        prefix: z.string().default("").describe("The text before the signature's hexadecimal digits: `sha256=`."),
      })
      .nullable()
      .default(null)
      .describe("An HMAC of the body; the secret is STUCK_JOBS_WEBHOOK_SECRET, from the environment only."),
  })
  .prefault({})
  .describe("How lost webhooks are sent again to the application's own handler.");

export const webhookEndpoint = text.regex(/^\//, { error: "expected a path: /v1/ffmpeg/compose" });
