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
    allowHosts: z.array(allowedHost).default([]).describe("The only hosts to which webhooks are sent again."),
    via: via.default("direct").describe("Who completes a job: this tool, or the application's own handler."),
    fallback: fallback.default("direct").describe("What to do when the handler did not."),
    signature: z
      .strictObject({
        header: z
          .string()
          .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: "expected the name of a header" })
          .describe("The header that carries it."),
        algorithm: z.literal("sha256").default("sha256").describe("The only one."),
        prefix: z.string().default("").describe("Put before the signature's hexadecimal digits: `sha256=`."),
      })
      .nullable()
      .default(null)
      .describe("HMAC over the body; the secret is STUCK_JOBS_WEBHOOK_SECRET, from the environment only."),
  })
  .prefault({})
  .describe("Lost webhooks may be sent again, to the application's own handler.");

export const webhookEndpoint = text.regex(/^\//, { error: "expected a path: /v1/ffmpeg/compose" });
