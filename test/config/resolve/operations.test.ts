import { describe, expect, it } from "vitest";
import { readEnvironment } from "../../../src/config/env/environment.ts";
import { resolveOperations } from "../../../src/config/resolve/operations.ts";
import { resolveSettings } from "../../../src/config/resolve/resolve.ts";
import { resolveOperationStorages, resolveStorage } from "../../../src/config/resolve/storage.ts";
import { checkConfig } from "../../../src/config/schema/issues.ts";
import { THRESHOLDS } from "../../support/builders.ts";

const RENDER = { outputs: ["{externalId}.mp4"], target: { table: "Clips", links: ["Target"] }, attachment: "Clip" };
const WORLD = {
  preset: "none",
  jobs: { table: "Jobs", fields: { status: "Status", externalId: "Ext", type: "Type" } },
  storage: { baseUrl: "https://s3.example/outputs", credentials: { accessKeyId: "id", secretAccessKey: "secret" } },
};
const ENV = { AIRTABLE_API_KEY: "a-token", AIRTABLE_BASE_ID: "appBase0000000001" };

/** Checks a configuration with these operations. */
function check(operations: Readonly<Record<string, object>>) {
  return checkConfig({ ...WORLD, operations });
}

function config(operations: Readonly<Record<string, object>>) {
  const checked = check(operations);
  if (checked.kind === "invalid") throw new Error(JSON.stringify(checked.problems));
  return checked.config;
}

function resolved(operations: Readonly<Record<string, object>>) {
  return resolveOperations(config(operations), undefined, () => THRESHOLDS);
}

function problems(operations: Readonly<Record<string, object>>): readonly string[] {
  const checked = check(operations);
  return checked.kind === "valid" ? [] : checked.problems.map(({ path, message }) => `${path}: ${message}`);
}

describe("the types of an operation", () => {
  it("may be left out where it is the only one: every job is of it", () => {
    expect(resolved({ render: RENDER })).toMatchObject([{ types: [], isDefault: true }]);
  });

  it.each([["*"], [["*"]]])("may be all: %j", (types) => {
    const other = { ...RENDER, types: ["other"] };
    expect(resolved({ render: { ...RENDER, types }, other })).toMatchObject([
      { name: "render", types: [], isDefault: true },
      { name: "other", types: ["other"], isDefault: false },
    ]);
  });

  it("may be all for one operation only, and not beside others", () => {
    const all = { ...RENDER, types: "*" };
    expect(problems({ a: all, b: all })).toEqual([
      'operations.b.types: found "*"; type "*" belongs to operation "a" already',
    ]);
    expect(problems({ a: { ...RENDER, types: ["*", "x"] } })).toEqual([expect.stringContaining('expected "*" alone')]);
  });
});

describe("the delivery of an output", () => {
  it("goes into an attachment field, in the short form or the long one", () => {
    const { attachment, ...rest } = RENDER;
    const deliver = { field: attachment, as: "attachment" };
    expect(resolved({ render: RENDER })).toMatchObject([{ deliver, attachment, targetKind: "record" }]);
    expect(resolved({ render: { ...rest, deliver: { field: attachment } } })).toMatchObject([{ deliver, attachment }]);
  });

  it("goes into a text field as a URL", () => {
    const { attachment: _, ...rest } = RENDER;
    const deliver = { field: "Output URL", as: "url" };
    expect(resolved({ render: { ...rest, deliver } })).toMatchObject([{ deliver, attachment: "Output URL" }]);
  });

  it("goes into the job itself, or nowhere", () => {
    const { attachment: _, target: __, ...rest } = RENDER;
    expect(resolved({ render: { ...rest, target: "self", attachment: "File" } })).toMatchObject([
      { targetKind: "self", target: { table: "Jobs", links: [], payloadKeys: [] }, deliver: { field: "File" } },
    ]);
    expect(resolved({ render: { ...rest, target: "none" } })).toMatchObject([
      { targetKind: "none", target: { table: "" }, deliver: null, attachment: "", set: {} },
    ]);
  });

  it("is named once, and only where there is a target", () => {
    const { attachment: _, ...rest } = RENDER;
    expect(problems({ render: rest })).toEqual([expect.stringMatching(/^operations\.render\.deliver: missing/)]);
    expect(problems({ render: { ...RENDER, deliver: { field: "X" } } })).toEqual([
      expect.stringMatching(/^operations\.render\.attachment: found "Clip"; it is short for deliver/),
    ]);
    expect(problems({ render: { ...RENDER, target: "none", set: { A: 1 } } })).toEqual([
      expect.stringMatching(/^operations\.render\.attachment: .* target: none has no field/),
      expect.stringMatching(/^operations\.render\.set: .* target: none has no field/),
    ]);
    expect(problems({ render: { ...RENDER, target: "job" } })[0]).toMatch(/^operations\.render\.target: found "job"/);
  });

  it("replaces the preset's: deliver its attachment, set what belongs to it", () => {
    expect(combineIn({ deliver: { field: "Other" } })).toMatchObject({ deliver: { field: "Other" } });
    expect(combineIn({ set: { Other: "x" } })).toMatchObject({ set: { Other: "x" }, setFrom: {} });
    expect(combineIn({ set: { Status: "x" } })?.setFrom.Status).toContain("Undefined");
  });
});

/** The operation combine of a file over the preset nca. */
function combineIn(operation: object) {
  const file = { path: null, content: { operations: { combine: operation } } };
  return resolveSettings(file, readEnvironment(ENV), {}).operations.find(({ name }) => name === "combine");
}

describe("setFrom and mayPredate", () => {
  it("are kept as they are given", () => {
    const outputs = [{ pattern: "{externalId}.mp4", mayPredate: true }, "{externalId}.webm"];
    const operation = { ...RENDER, outputs, set: { State: "Done" }, setFrom: { State: ["Rendering", "Error"] } };
    expect(resolved({ render: operation })).toMatchObject([
      {
        setFrom: { State: ["Rendering", "Error"] },
        outputs: [{ mayPredate: true }, { pattern: "{externalId}.webm", mayPredate: false }],
      },
    ]);
    expect(problems({ render: { ...RENDER, setFrom: { State: ["x"] } } })).toEqual([
      'operations.render.setFrom.State: found ["x"]; set has no such field',
    ]);
  });
});

describe("the storage of an operation", () => {
  function storages(storage: object, env: Readonly<Record<string, string>> = {}) {
    const found: { path: string; message: string }[] = [];
    const environment = readEnvironment({ ...ENV, ...env });
    const whole = config({ render: { ...RENDER, storage } });
    const general = resolveStorage(whole, environment, undefined, found);
    const own = resolveOperationStorages(whole, general, environment, found).get("render");
    return { general, own, problems: found.map(({ path, message }) => `${path}: ${message}`) };
  }

  it("overrides the general one key by key", () => {
    const { general, own } = storages({ baseUrl: "https://other.example/renders", requestsPerSecond: 5 });
    expect(own).toEqual({ ...general, baseUrl: "https://other.example/renders", requestsPerSecond: 5 });
  });

  it("has its key from variables with a prefix of its own, and from nowhere else", () => {
    const key = { ACME_ACCESS_KEY_ID: "acme", ACME_SECRET_ACCESS_KEY: "acme-secret", ACME_REGION: "eu" };
    const general = { STUCK_JOBS_S3_ACCESS_KEY_ID: "own", STUCK_JOBS_S3_SECRET_ACCESS_KEY: "own-secret" };
    expect(storages({ credentials: { prefix: "ACME" } }, { ...key, ...general }).own?.credentials).toEqual({
      accessKeyId: "acme",
      secretAccessKey: "acme-secret",
      sessionToken: null,
      region: "eu",
    });
    expect(storages({ credentials: { prefix: "ACME" } }, general)).toMatchObject({
      own: { credentials: null },
      problems: ["operations.render.storage.credentials: no key; set ACME_ACCESS_KEY_ID, ACME_SECRET_ACCESS_KEY"],
    });
  });

  it("may be public beside a private one", () => {
    const { general, own } = storages({ credentials: null });
    expect([general.credentials?.accessKeyId, own?.credentials]).toEqual(["id", null]);
  });

  it("is checked as the general one is", () => {
    expect(problems({ render: { ...RENDER, storage: { baseUrl: "ftp://x", bucket: "y" } } })).toEqual([
      expect.stringMatching(/^operations\.render\.storage\.baseUrl: found "ftp:/),
      expect.stringMatching(/^operations\.render\.storage\.bucket: unknown key/),
    ]);
    const storage = { baseUrl: "https://x.example", addressing: "path" };
    expect(problems({ render: { ...RENDER, storage } })).toEqual([
      expect.stringMatching(/^operations\.render\.storage\.addressing: found "path"; path means/),
    ]);
  });
});

it("brake.share is an error that says that it was removed", () => {
  const checked = checkConfig({ ...WORLD, operations: { render: RENDER }, brake: { share: 0.5 } });
  expect(checked).toMatchObject({ kind: "invalid", problems: [{ path: "brake.share" }] });
  expect(checked.kind === "invalid" && checked.problems[0]?.message).toContain("this key was removed");
});
