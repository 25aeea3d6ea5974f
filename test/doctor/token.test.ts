import { describe, expect, it } from "vitest";
import { FULL_ACCESS, type Scope } from "../../src/sandbox/airtable/permissions.ts";
import { openWorld } from "../e2e/world.ts";
import { MINUTE } from "../support/builders.ts";
import { closedPort } from "../support/servers.ts";
import { examined, examinedWorld } from "./doctor-world.ts";

function without(...scopes: readonly Scope[]) {
  return { ...FULL_ACCESS, scopes: FULL_ACCESS.scopes.filter((scope) => !scopes.includes(scope)) };
}

describe("the token", () => {
  it("passes with all scopes", async () => {
    const { of } = await examinedWorld();
    expect(of("token")).toMatchObject([{ level: "pass", detail: expect.stringContaining("data.records:write") }]);
    expect(of("base")).toMatchObject([{ level: "pass" }]);
    expect(of("writing")).toMatchObject([{ level: "pass" }]);
  });

  it("is to be renewed when Airtable does not know it, at the cost of one request", async () => {
    const { code, of, requests } = await examinedWorld({ env: { AIRTABLE_API_KEY: "patWrong000000001.beef" } });
    expect([code, requests.airtable]).toEqual([4, 1]);
    expect(of("token")).toMatchObject([
      {
        level: "fail",
        detail: expect.stringContaining("AUTHENTICATION_REQUIRED"),
        next: expect.stringContaining("https://airtable.com/create/tokens"),
      },
    ]);
  });

  it("fails without data.records:write, and the scope is named", async () => {
    const { code, of, complaints } = await examinedWorld({ access: without("data.records:write") });
    expect(code).toBe(4);
    expect(of("writing")[0]?.next).toContain("data.records:write");
    expect(complaints.filter((line) => line.startsWith("fail"))).toHaveLength(1);
  });

  it("fails without data.records:read", async () => {
    const { code, of } = await examinedWorld({ access: without("data.records:read") });
    expect(code).toBe(4);
    expect(of("token")).toMatchObject([{ level: "fail", next: expect.stringContaining("data.records:read") }]);
  });

  it("is warned of without schema.bases:read, and the jobs are listed all the same", async () => {
    const { code, of } = await examinedWorld({ access: without("schema.bases:read") });
    expect(code).toBe(0);
    expect(of("schema")).toMatchObject([{ level: "warn", next: expect.stringContaining("schema.bases:read") }]);
    expect(of("calls")[0]?.detail).toContain("0 stuck now");
  });

  it("whose scopes are not known may or may not write: that is said, and nothing is tried", async () => {
    const { code, of } = await examinedWorld({ access: { ...FULL_ACCESS, revealsScopes: false } });
    expect(code).toBe(0);
    expect(of("writing")).toMatchObject([{ level: "warn", detail: expect.stringContaining("not known") }]);
  });

  it("whose scopes are not known has written when this tool's notes of the last day say so", async () => {
    const world = await openWorld({ access: { ...FULL_ACCESS, revealsScopes: false } });
    const at = new Date(Date.now() - 5 * MINUTE).toISOString();
    const Notes = `Completed via polling at ${at}: found x.mp4 (HTTP 200, 9 bytes) [stuck-jobs 0.1.0, run r-1]`;
    world.job("recJob00000000001", { Status: "completed", Type: "combine", Notes });
    expect((await examined(world)).of("writing")).toMatchObject([{ level: "pass" }]);
  });

  it.each(["read", "comment", "none"] as const)("of someone who may only %s cannot write", async (permissionLevel) => {
    const { code, of } = await examinedWorld({ access: { ...FULL_ACCESS, permissionLevel } });
    expect(code).toBe(4);
    expect(of("writing")).toMatchObject([{ level: "fail", next: expect.stringContaining("editor") }]);
  });
});

describe("the base", () => {
  it("that the token does not see is reported with those that it sees, the likely one first", async () => {
    const { code, of, complaints } = await examinedWorld({ env: { AIRTABLE_BASE_ID: "appE2e00000000002" } });
    expect(code).toBe(4);
    expect(of("base")).toMatchObject([
      {
        level: "fail",
        detail: expect.stringContaining('"Sandbox" (appE2e00000000001)'),
        next: expect.stringContaining("set AIRTABLE_BASE_ID to appE2e00000000001"),
      },
    ]);
    expect(complaints.filter((line) => line.startsWith("fail"))).toHaveLength(1);
  });

  it("that the token does not see is noticed by its listing where the bases are not known", async () => {
    const { code, of } = await examinedWorld({
      access: without("schema.bases:read"),
      env: { AIRTABLE_BASE_ID: "appOther000000001" },
    });
    expect(code).toBe(4);
    expect(of("jobs")).toMatchObject([{ level: "fail", next: expect.stringContaining("access list") }]);
  });

  it("that cannot be reached is an upstream's failure, and storage and schedule are checked nevertheless", async () => {
    const world = await openWorld();
    const endpoint = `http://127.0.0.1:${await closedPort()}`;
    const { code, of } = await examined(world, { env: { AIRTABLE_ENDPOINT_URL: endpoint } });
    expect(code).toBe(5);
    expect(of("token")).toMatchObject([{ level: "fail", detail: expect.stringContaining("connection refused") }]);
    expect(of("storage")).toMatchObject([{ level: "pass" }]);
    expect(of("calls")).toMatchObject([{ level: "pass" }]);
  });

  it("that breaks down in the middle is reported as such, not as empty", async () => {
    const { code, of } = await examinedWorld({
      instead: ({ path }) => (path.endsWith("/Jobs") ? { status: 502, headers: {}, body: "<html>" } : undefined),
    });
    expect(code).toBe(5);
    expect(of("jobs")).toMatchObject([{ level: "fail", detail: expect.stringContaining("502") }]);
  });
});
