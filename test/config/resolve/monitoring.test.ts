import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readEnvironment } from "../../../src/config/env/environment.ts";
import type { Env } from "../../../src/config/env/variables.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import type { MonitoringOverrides } from "../../../src/config/resolve/monitoring.ts";
import { resolveSettings } from "../../../src/config/resolve/resolve.ts";
import { folder } from "../../e2e/cli.ts";

const BASE = { AIRTABLE_API_KEY: "patTest", AIRTABLE_BASE_ID: "appTest0000000001" };

function monitoring(content: unknown, env: Env, flags: Partial<MonitoringOverrides> = {}) {
  const environment = readEnvironment({ ...BASE, ...env });
  return resolveSettings({ path: null, content: { monitoring: content } }, environment, {
    monitoring: { flagsOnly: false, ...flags },
  });
}

describe("who watches", () => {
  it("is nobody unless someone is named", () => {
    expect(monitoring({}, {}).monitoring).toEqual({
      metricsFile: null,
      pingUrl: null,
      pingDialect: "healthchecks",
      notifyUrl: null,
      notifyFormat: "json",
      email: null,
      failuresOver: 5,
    });
  });
  it("is named by flags over environment over file", () => {
    const file = { pingUrl: "https://file/", notifyUrl: "https://file/", metricsFile: "file", failuresOver: 0 };
    const env = { STUCK_JOBS_PING_URL: "https://env/", STUCK_JOBS_METRICS_FILE: "env" };
    expect(monitoring(file, env, { pingUrl: "https://flag/" }).monitoring).toMatchObject({
      metricsFile: "env",
      pingUrl: "https://flag/",
      notifyUrl: "https://file/",
      failuresOver: 0,
    });
  });
  it("may be named in a secret's file", () => {
    const path = join(folder(), "ping-url");
    writeFileSync(path, "https://hc.example/uuid\n");
    expect(monitoring({}, { STUCK_JOBS_PING_URL_FILE: path }).monitoring.pingUrl).toBe("https://hc.example/uuid");
  });
  it("is named by flags alone where a person tries something", () => {
    const env = { STUCK_JOBS_PING_URL_FILE: "/nowhere", STUCK_JOBS_METRICS_FILE: "env" };
    const flags = { flagsOnly: true, notifyUrl: "https://flag/" };
    expect(monitoring({ pingUrl: "https://file/" }, env, flags).monitoring).toMatchObject({
      metricsFile: null,
      pingUrl: null,
      notifyUrl: "https://flag/",
    });
  });
  it.each([
    ["https://hc-ping.com/uuid", "healthchecks"],
    ["https://hc.example.com/ping/uuid", "healthchecks"],
    ["https://o1.ingest.us.sentry.io/api/1/cron/sweep/key/", "sentry"],
    ["https://uptime.betterstack.com/api/v1/heartbeat/token", "betterstack"],
    ["https://cronitor.link/p/key/sweep", "cronitor"],
    ["https://status.example.com/api/push/token?status=up", "uptime-kuma"],
    ["https://notsentry.io/uuid", "healthchecks"],
  ])("pings %s as %s, by its address", (pingUrl, dialect) => {
    expect(monitoring({ pingUrl }, {}).monitoring.pingDialect).toBe(dialect);
  });
  it("pings in the dialect of the environment, else of the file, whatever the address", () => {
    const pingUrl = "https://hc-ping.com/uuid";
    const file = { pingUrl, pingDialect: "cronitor" };
    expect(monitoring(file, {}).monitoring.pingDialect).toBe("cronitor");
    expect(monitoring(file, { STUCK_JOBS_PING_DIALECT: "sentry" }).monitoring.pingDialect).toBe("sentry");
  });
  it.each([
    ["https://hooks.slack.com/services/T/B/x", "slack"],
    ["https://discord.com/api/webhooks/1/x", "discord"],
    ["https://acme.webhook.office.com/webhookb2/x", "teams"],
    ["https://prod-1.westeurope.logic.azure.com/workflows/x", "teams"],
    ["https://n8n.example.com/webhook/x", "json"],
  ])("posts to %s as %s, by its address", (notifyUrl, format) => {
    expect(monitoring({ notifyUrl }, {}).monitoring.notifyFormat).toBe(format);
    expect(monitoring({ notifyUrl, notifyFormat: "discord" }, {}).monitoring.notifyFormat).toBe("discord");
  });
  it("mails to addresses of the environment, else of the file, but never for a person's own run", () => {
    const file = { email: "file@example.com", sendmail: "/opt/sendmail" };
    const env = { STUCK_JOBS_NOTIFY_EMAIL: "a@example.com, b@example.com" };
    const to = "a@example.com, b@example.com";
    expect(monitoring(file, env).monitoring.email).toEqual({ to, sendmail: "/opt/sendmail" });
    expect(monitoring(file, {}).monitoring.email?.to).toBe("file@example.com");
    expect(monitoring(file, env, { flagsOnly: true }).monitoring.email).toBeNull();
  });
  it.each([
    ["STUCK_JOBS_PING_DIALECT", { STUCK_JOBS_PING_DIALECT: "pingdom" }, "expected healthchecks, sentry"],
    ["STUCK_JOBS_NOTIFY_EMAIL", { STUCK_JOBS_NOTIFY_EMAIL: "a@b\nBcc: c@d" }, "expected an address"],
  ])("refuses a wrong %s by name", (name, env, message) => {
    expect(() => monitoring({}, env)).toThrow(new RegExp(`${name}: found .*${message}`, "s"));
  });
  it("is kept off the terminal", () => {
    const { secrets } = monitoring({}, { STUCK_JOBS_NOTIFY_URL: "https://hooks.example/services/T0/B0/x" });
    expect(secrets).toEqual(["https://hooks.example/services/T0/B0/x", "/services/T0/B0/x"]);
  });
  it.each([
    ["STUCK_JOBS_PING_URL", { STUCK_JOBS_PING_URL: "ftp://hc.example/s3cret" }, {}, {}],
    ["monitoring.notifyUrl", {}, { notifyUrl: "hooks.example/s3cret" }, {}],
    ["--ping-url", {}, {}, { pingUrl: "file:///s3cret" }],
  ])("must have an http address: %s, and a wrong one is not shown", (place, env, file, flags) => {
    const read = () => monitoring(file, env, flags);
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(`${place}: expected an http or https URL`);
    expect(read).not.toThrow("s3cret");
  });
});
