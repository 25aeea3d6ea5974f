import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readEnvironment } from "../../../src/config/env/environment.ts";
import type { Env } from "../../../src/config/env/variables.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { resolveSettings } from "../../../src/config/resolve/resolve.ts";

const BASE = { AIRTABLE_API_KEY: "a-token", AIRTABLE_BASE_ID: "appBase0000000001" };
const OWN = { STUCK_JOBS_S3_ACCESS_KEY_ID: "own-id", STUCK_JOBS_S3_SECRET_ACCESS_KEY: "own-secret" };
const NCA = { NCA_S3_ACCESS_KEY: "nca-id", NCA_S3_SECRET_KEY: "nca-secret" };
const AWS = { AWS_ACCESS_KEY_ID: "aws-id", AWS_SECRET_ACCESS_KEY: "aws-secret", AWS_SESSION_TOKEN: "aws-token" };
const IN_FILE = { accessKeyId: "file-id", secretAccessKey: "file-secret" };

function storage(env: Env, own: Record<string, unknown> = {}) {
  const content = { storage: { baseUrl: "https://clips.fra1.digitaloceanspaces.com", ...own } };
  return resolveSettings({ path: "x.yaml", content }, readEnvironment({ ...BASE, ...env }), {}).storage;
}

function problem(env: Env, own: Record<string, unknown> = {}): string {
  try {
    storage(env, own);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "";
}

describe("the key to the storage", () => {
  it("is none unless one is given: nothing is signed", () => {
    expect(storage({}).credentials).toBeNull();
  });

  it.each<[string, Env, Record<string, unknown>, string]>([
    ["our own variables", OWN, {}, "own-id"],
    ["NCA's variables", NCA, {}, "nca-id"],
    ["the configuration file", {}, { credentials: IN_FILE }, "file-id"],
    ["AWS's variables where the file says so", AWS, { credentials: { from: "aws" } }, "aws-id"],
    ["our own before NCA's", { ...NCA, ...OWN }, {}, "own-id"],
    ["the environment before the file", NCA, { credentials: IN_FILE }, "nca-id"],
    ["the file before AWS's", AWS, { credentials: { ...IN_FILE, from: "aws" } }, "file-id"],
  ])("is taken from %s", (_, env, own, id) => {
    expect(storage(env, own).credentials?.accessKeyId).toBe(id);
  });

  it("is not taken from AWS's variables unasked: they are on many machines for other reasons", () => {
    expect(storage(AWS).credentials).toBeNull();
    expect(storage({ AWS_ACCESS_KEY_ID: "aws-id", AWS_SECRET_ACCESS_KEY_FILE: "/nonexistent" }).credentials).toBeNull();
  });

  it("is taken whole, with the token of the same place and no other", () => {
    expect(storage(AWS, { credentials: { from: "aws" } }).credentials).toEqual({
      accessKeyId: "aws-id",
      secretAccessKey: "aws-secret",
      sessionToken: "aws-token",
      region: null,
    });
    expect(storage({ ...AWS, ...OWN }, { credentials: { from: "aws" } }).credentials).toEqual({
      accessKeyId: "own-id",
      secretAccessKey: "own-secret",
      sessionToken: null,
      region: null,
    });
  });

  it.each<[string, Env, Record<string, unknown>, string | null]>([
    ["the key's own place", { ...NCA, NCA_S3_REGION: "nca-1" }, { credentials: { region: "file-1" } }, "nca-1"],
    ["our variable", { ...NCA, STUCK_JOBS_S3_REGION: "own-1" }, { credentials: { region: "file-1" } }, "own-1"],
    ["the file", OWN, { credentials: { region: "file-1" } }, "file-1"],
    ["nowhere", { ...OWN, AWS_REGION: "aws-1" }, {}, null],
  ])("has its region from %s", (_, env, own, region) => {
    expect(storage(env, own).credentials?.region).toBe(region);
  });

  it.each<[string, Env, Record<string, unknown>, string]>([
    [
      "an id without its secret",
      { STUCK_JOBS_S3_ACCESS_KEY_ID: "own-id" },
      {},
      "STUCK_JOBS_S3_SECRET_ACCESS_KEY: missing; STUCK_JOBS_S3_ACCESS_KEY_ID is set, and a key needs both",
    ],
    [
      "a secret without its id, though another place has a whole key",
      { NCA_S3_SECRET_KEY: "nca-secret" },
      { credentials: IN_FILE },
      "NCA_S3_ACCESS_KEY: missing; NCA_S3_SECRET_KEY is set, and a key needs both",
    ],
    [
      "an id without its secret in the file",
      {},
      { credentials: { accessKeyId: "file-id" } },
      "storage.credentials.secretAccessKey: missing; storage.credentials.accessKeyId is set, and a key needs both",
    ],
    [
      "credentials that name none",
      {},
      { credentials: { region: "fra1" } },
      "storage.credentials: no key to sign with; set STUCK_JOBS_S3_ACCESS_KEY_ID and STUCK_JOBS_S3_SECRET_ACCESS_KEY, or take storage.credentials out",
    ],
    [
      "AWS's where they are not set",
      {},
      { credentials: { from: "aws" } },
      "storage.credentials: no key to sign with; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or take storage.credentials out",
    ],
    [
      "a file of a secret that cannot be read",
      { ...OWN, STUCK_JOBS_S3_SECRET_ACCESS_KEY: "", STUCK_JOBS_S3_SECRET_ACCESS_KEY_FILE: "/nonexistent" },
      {},
      "STUCK_JOBS_S3_SECRET_ACCESS_KEY_FILE: /nonexistent cannot be read",
    ],
  ])("is refused with %s", (_, env, own, message) => {
    expect(problem(env, own)).toContain(message);
  });

  it.each<[string, unknown]>([
    ["a text", "file-id:file-secret"],
    ["a secret that is no text", { accessKeyId: "file-id", secretAccessKey: 1234567890 }],
    ["a list", ["file-secret"]],
  ])("is not shown where it is wrong: %s", (_, credentials) => {
    const message = problem({}, { credentials });
    expect(message).toContain("storage.credentials");
    expect(message).not.toMatch(/file-secret|1234567890/);
  });

  it("is not shown where what holds it is wrong", () => {
    const content = { storage: [{ credentials: IN_FILE }] };
    const settled = () => resolveSettings({ path: "x.yaml", content }, readEnvironment(BASE), {});
    expect(settled).toThrow(/^storage: found/);
    expect(settled).not.toThrow(/file-secret/);
  });

  it("has its misspelt keys named", () => {
    expect(problem({}, { credentials: { secretAcessKey: "x" } })).toMatch(/did you mean "secretAccessKey"\?/);
  });
});

describe("a key in files", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "stuck-jobs-keys-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("is read from those that are named, and from systemd's credentials", () => {
    for (const name of ["STUCK_JOBS_S3_SECRET_ACCESS_KEY", "NCA_S3_ACCESS_KEY", "NCA_S3_SECRET_KEY"]) {
      writeFileSync(join(folder, name), `${name} itself\n`);
    }
    const file = { STUCK_JOBS_S3_SECRET_ACCESS_KEY_FILE: join(folder, "STUCK_JOBS_S3_SECRET_ACCESS_KEY") };
    expect(storage({ STUCK_JOBS_S3_ACCESS_KEY_ID: "own-id", ...file }).credentials).toMatchObject({
      accessKeyId: "own-id",
      secretAccessKey: "STUCK_JOBS_S3_SECRET_ACCESS_KEY itself",
    });
    rmSync(join(folder, "STUCK_JOBS_S3_SECRET_ACCESS_KEY"));
    expect(storage({ CREDENTIALS_DIRECTORY: folder }).credentials).toMatchObject({
      accessKeyId: "NCA_S3_ACCESS_KEY itself",
      secretAccessKey: "NCA_S3_SECRET_KEY itself",
    });
  });
});

describe("the links for attachments", () => {
  it("last a day by default", () => {
    expect(storage({}).attachmentUrlTtl).toBe(86_400_000);
    expect(storage({}, { attachmentUrlTtl: "7d" }).attachmentUrlTtl).toBe(604_800_000);
  });
  it.each(["8d", "5m"])("cannot last %s", (attachmentUrlTtl) => {
    expect(problem({}, { attachmentUrlTtl })).toBe(
      `storage.attachmentUrlTtl: found "${attachmentUrlTtl}"; expected a duration from 10m to 7d`,
    );
  });
});

describe("where the bucket is named", () => {
  it("is left to the host by default", () => {
    expect(storage({}).addressing).toBeNull();
    expect(storage({}, { addressing: "virtual" }).addressing).toBe("virtual");
  });
  it("cannot be a path that is not there", () => {
    expect(problem({}, { addressing: "path" })).toMatch(/^storage\.addressing: found "path"; .*has no path/);
  });
});
