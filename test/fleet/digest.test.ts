import { describe, expect, it } from "vitest";
import { readEnvironment } from "../../src/config/env/environment.ts";
import type { Env } from "../../src/config/env/variables.ts";
import { resolveBases } from "../../src/config/resolve/bases.ts";
import { digestOf } from "../../src/fleet/digest.ts";
import { sweepId } from "../../src/fleet/slot-id.ts";

const ENV = {
  AIRTABLE_API_KEY: "a-token",
  STUCK_JOBS_DATABASE_URL: "postgres://one@db/app",
  NCA_BASE_URL: "https://nca.example",
  NCA_API_KEY: "a-key",
};
const FILE = { fleet: {}, bases: [{ baseId: "appA" }, { baseId: "appB", name: "b" }] };

function digest(content: Readonly<Record<string, unknown>> = FILE, env: Env = {}): string {
  const bases = resolveBases({ path: "x.yaml", content }, readEnvironment({ ...ENV, ...env }), {
    monitoring: { flagsOnly: false },
  });
  return digestOf(bases, bases[0]?.fleet?.interval ?? 0);
}

describe("the digest of a configuration", () => {
  it.each<[string, Readonly<Record<string, unknown>>, Env]>([
    ["the token", FILE, { AIRTABLE_API_KEY: "another" }],
    ["the key of a provider", FILE, { NCA_API_KEY: "another" }],
    ["the database's user", FILE, { STUCK_JOBS_DATABASE_URL: "postgres://two@db2/app" }],
    ["monitoring", { ...FILE, monitoring: { metricsFile: "x" } }, { STUCK_JOBS_PING_URL: "https://ping.example/1" }],
    ["the heartbeat", { ...FILE, fleet: { heartbeat: "30s", concurrency: 4 } }, {}],
    ["the order of keys", { bases: FILE.bases, fleet: {} }, {}],
    ["the pace", { ...FILE, airtable: { requestsPerSecond: 2 } }, {}],
  ])("does not depend on %s", (_, content, env) => {
    expect(digest(content, env)).toBe(digest());
  });

  it.each<[string, Readonly<Record<string, unknown>>, Env]>([
    ["a threshold", { ...FILE, thresholds: { failAfter: "2h" } }, {}],
    ["a base more", { ...FILE, bases: [...FILE.bases, { baseId: "appC" }] }, {}],
    ["the bucket", FILE, { STUCK_JOBS_STORAGE_URL: "https://other.nyc3.digitaloceanspaces.com" }],
    ["the brake", { ...FILE, brake: { minimum: 1 } }, {}],
    ["what is written", { ...FILE, operations: { combine: { set: { Status: "done" } } } }, {}],
    ["a provider", FILE, { NCA_BASE_URL: "" }],
    ["the interval", FILE, { POLLING_INTERVAL_MINUTES: "5" }],
  ])("depends on %s", (_, content, env) => {
    expect(digest(content, env)).not.toBe(digest());
  });
});

describe("the id of a sweep", () => {
  it("is a UUID of version 5, one for each base and slot", () => {
    const slot = "2026-01-01T00:00:00.000Z";
    expect(sweepId("appA", slot)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(sweepId("appA", slot)).toBe(sweepId("appA", slot));
    const others = [sweepId("appB", slot), sweepId("appA", "2026-01-01T00:02:00.000Z")];
    expect(others).not.toContain(sweepId("appA", slot));
  });
});
