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
      notifyUrl: null,
      failuresOver: 5,
    });
  });
  it("is named by flags over environment over file", () => {
    const file = { pingUrl: "https://file/", notifyUrl: "https://file/", metricsFile: "file", failuresOver: 0 };
    const env = { STUCK_JOBS_PING_URL: "https://env/", STUCK_JOBS_METRICS_FILE: "env" };
    expect(monitoring(file, env, { pingUrl: "https://flag/" }).monitoring).toEqual({
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
