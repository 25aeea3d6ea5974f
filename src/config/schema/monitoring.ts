import * as z from "zod";
import { SECRET, text } from "./fields.ts";

/** The forms of pings, by the service that reads them. */
export const PING_DIALECTS = ["healthchecks", "sentry", "betterstack", "cronitor", "uptime-kuma"] as const;
export type PingDialect = (typeof PING_DIALECTS)[number];

/** The forms of notifications, by the service that reads them. */
export const NOTIFY_FORMATS = ["json", "slack", "discord", "teams"] as const;
export type NotifyFormat = (typeof NOTIFY_FORMATS)[number];

/** One address or several with commas between them; nothing that could begin another header. */
export const emailAddresses = z
  .string()
  .trim()
  .regex(
    /^[^\s,;<>"()@]+@[^\s,;<>"()@]+(?: *, *[^\s,;<>"()@]+@[^\s,;<>"()@]+)*$/,
    "expected an address, or several with commas",
  );

/** Metrics, pings and notifications. URLs are checked when settings are resolved: an error must not show them. */
export const monitoringSchema = z.strictObject({
  metricsFile: text.nullable().default(null).describe("A Prometheus textfile, written after each run."),
  pingUrl: text
    .nullable()
    .default(null)
    .describe("The URL that is pinged at the start and the end of each run. A secret: better in the environment.")
    .meta(SECRET),
  pingDialect: z
    .enum(PING_DIALECTS)
    .nullable()
    .default(null)
    .describe("The form of the pings. Default: by the address, else healthchecks."),
  notifyUrl: text
    .nullable()
    .default(null)
    .describe("The URL of a webhook that changes are posted to. A secret: better in the environment.")
    .meta(SECRET),
  notifyFormat: z
    .enum(NOTIFY_FORMATS)
    .nullable()
    .default(null)
    .describe("The format of these posts. Default: by the address, else json with the message in `text`."),
  email: emailAddresses
    .nullable()
    .default(null)
    .describe("The addresses that changes are mailed to, separated by commas."),
  sendmail: text.default("/usr/sbin/sendmail").describe("The program that sends these mails."),
  failuresOver: z.int().min(0).default(5).describe("Notify when more jobs than this are failed in one run."),
});
