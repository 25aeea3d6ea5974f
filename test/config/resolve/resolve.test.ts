import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readEnvironment } from "../../../src/config/env/environment.ts";
import type { Env } from "../../../src/config/env/variables.ts";
import { readConfigFile } from "../../../src/config/file/read-config-file.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { resolveSettings } from "../../../src/config/resolve/resolve.ts";
import type { Overrides } from "../../../src/config/settings.ts";

const TOKEN = { AIRTABLE_API_KEY: "a-token", AIRTABLE_BASE_ID: "appBase0000000001" };

function settings(content: unknown = {}, env: Env = {}, overrides: Overrides = {}) {
  return resolveSettings({ path: "x.yaml", content }, readEnvironment({ ...TOKEN, ...env }), overrides);
}

function problems(content: unknown, env: Env = {}): readonly string[] {
  try {
    settings(content, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

describe("the preset nca", () => {
  it("needs no more than a base id and a token", () => {
    const found = settings();
    expect(found.operations.map(({ name }) => name)).toEqual(["combine", "concatenate", "add_music", "image_zoom"]);
    expect(found.thresholds).toEqual({
      stuckAfter: 300_000,
      failAfter: 3_600_000,
      maxAge: 86_400_000,
      providerCap: 21_600_000,
    });
    expect(found.store).toMatchObject({ endpointUrl: "https://api.airtable.com", requestsPerSecond: 4 });
    expect(found.storage.baseUrl).toBe("https://phi-bucket.nyc3.digitaloceanspaces.com/phi-bucket");
    expect(found.deadline).toBe(90_000);
  });

  it("is laid under what the file says, key by key", () => {
    const found = settings({ operations: { combine: { attachment: "Other" } }, jobs: { table: "Work" } });
    const combine = found.operations.find(({ name }) => name === "combine");
    expect(combine).toMatchObject({ attachment: "Other", set: { Status: "combined" } });
    expect(found.jobs).toMatchObject({ table: "Work", fields: { status: "Status" } });
  });

  it("replaces lists and `set` whole, and takes out an operation that is null", () => {
    const found = settings({ operations: { combine: { set: {}, outputs: ["{externalId}.webm"] }, image_zoom: null } });
    expect(found.operations.map(({ name }) => name)).not.toContain("image_zoom");
    expect(found.operations[0]).toMatchObject({ set: {}, outputs: [{ pattern: "{externalId}.webm", all: false }] });
  });
});

describe("a field with two purposes is refused", () => {
  const self = { target: "self", deliver: { field: "Link", as: "url" } };
  const only = (render: object) => ({
    operations: {
      combine: null,
      concatenate: null,
      add_music: null,
      image_zoom: null,
      render: { outputs: ["{externalId}.mp4"], ...render },
    },
  });

  it.each([
    [
      "a text that a run writes is another such text",
      { jobs: { fields: { error: "Notes" } } },
      `jobs.fields.notes: found "Notes"; "Notes" is the field of error as well: writing one would replace the other`,
    ],
    [
      "notes are the external id",
      { jobs: { fields: { notes: "External Job ID" } } },
      `jobs.fields.notes: found "External Job ID"; "External Job ID" is the field of externalId as well: writing one would replace the other`,
    ],
    [
      "the output goes to the job's own notes",
      only({ ...self, deliver: { field: "Notes", as: "url" } }),
      'operations.render.deliver.field: found "Notes"; "Notes" is jobs.fields.notes as well: the output would replace it',
    ],
    [
      "`set` writes the job's own status",
      only({ ...self, set: { Status: "queued" } }),
      'operations.render.set.Status: found "queued"; "Status" is jobs.fields.status, which a run writes itself',
    ],
    [
      "`set` writes the field that receives the output",
      only({ ...self, set: { Link: "x" } }),
      'operations.render.set.Link: found "x"; "Link" receives the output',
    ],
  ])("%s", (_, content, expected) => {
    expect(problems(content)).toEqual([expected]);
  });

  it("but a date of the job may be one that `set` writes", () => {
    expect(
      problems({ jobs: { fields: { completedAt: "Done At" } }, ...only({ ...self, set: { "Done At": "{now}" } }) }),
    ).toEqual([]);
  });
});

describe("an endpoint without TLS", () => {
  const at = (endpointUrl: string, more: object = {}) => ({ airtable: { endpointUrl, ...more } });

  it.each(["http://proxy.example", "http://10.0.0.5:8080", "http://localhost.example", "http://[fe80::1]"])(
    "is refused for the token: %s",
    (url) => {
      expect(problems(at(url))).toEqual([expect.stringMatching(/^airtable\.endpointUrl: found "http:.* without TLS/)]);
      expect(settings(at(url, { allowInsecureEndpoint: true })).store).toMatchObject({ endpointUrl: url });
    },
  );

  it("is named by its variable where it came from one", () => {
    expect(problems({}, { AIRTABLE_ENDPOINT_URL: "http://proxy.example" })).toEqual([
      expect.stringMatching(/^AIRTABLE_ENDPOINT_URL: found/),
    ]);
  });

  it.each(["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080", "https://proxy.example"])(
    "is no matter on this machine, or with TLS: %s",
    (url) => {
      expect(settings(at(url)).store).toMatchObject({ endpointUrl: url });
    },
  );
});

describe("a key that was renamed", () => {
  it("is an error that names the new key", () => {
    expect(problems({ watching: { failuresOver: 3 } })).toEqual(['watching: this key was renamed; write "monitoring"']);
    expect(settings({ monitoring: { failuresOver: 3 } }).monitoring.failuresOver).toBe(3);
  });
});

describe("precedence: flag, environment, file, preset", () => {
  const file = { thresholds: { maxAge: "2h" }, storage: { baseUrl: "https://file.example/b" } };
  it("lets the file win over the preset", () => {
    expect(settings(file).thresholds.maxAge).toBe(7_200_000);
  });
  it("lets the environment win over the file", () => {
    const found = settings(file, { POLLING_MAX_AGE_HOURS: "3", STUCK_JOBS_STORAGE_URL: "https://env.example" });
    expect([found.thresholds.maxAge, found.storage.baseUrl]).toEqual([10_800_000, "https://env.example"]);
  });
  it("lets a flag win over all, for each operation too", () => {
    const own = { ...file, operations: { combine: { thresholds: { maxAge: "5h" } } } };
    const found = settings(own, { POLLING_MAX_AGE_HOURS: "3" }, { maxAge: null });
    expect([found.thresholds.maxAge, found.operations[0]?.thresholds.maxAge]).toEqual([null, null]);
  });
  it("lets an operation have its own thresholds", () => {
    const found = settings({
      thresholds: { failAfter: "2h" },
      operations: { combine: { thresholds: { failAfter: "3h" } } },
    });
    expect(found.operations.map(({ thresholds }) => thresholds.failAfter)).toEqual([
      10_800_000, 7_200_000, 7_200_000, 7_200_000,
    ]);
  });
  it("derives the deadline from the interval", () => {
    expect(settings({}, { POLLING_INTERVAL_MINUTES: "4" }).deadline).toBe(180_000);
  });
});

describe("errors have the path, what was found and what is allowed", () => {
  it.each<[string, unknown, string | RegExp]>([
    ["an unknown key", { treshold: {} }, /^treshold: unknown key.*Allowed here: .*thresholds/],
    [
      "a misspelt key",
      { thresholds: { stuckAfer: "5m" } },
      /^thresholds.stuckAfer: unknown key, did you mean "stuckAfter"\?/,
    ],
    [
      "a bare number as duration",
      { thresholds: { stuckAfter: 5 } },
      /^thresholds.stuckAfter: found 5; expected a number with its unit/,
    ],
    [
      "a duration without unit",
      { thresholds: { stuckAfter: "5" } },
      /^thresholds.stuckAfter: found "5"; expected a number with its unit/,
    ],
    [
      "a wrong type",
      { jobs: { stuckStatuses: "processing" } },
      /^jobs.stuckStatuses: found "processing"; expected a list/,
    ],
    ["more than Airtable's rate", { airtable: { requestsPerSecond: 6 } }, /^airtable.requestsPerSecond: found 6; /],
    [
      "a bad URL",
      { storage: { baseUrl: "ftp://x" } },
      /^storage.baseUrl: found "ftp:\/\/x"; expected an http or https URL/,
    ],
    ["an URL with a password", { storage: { baseUrl: "https://a:b@x" } }, /^storage.baseUrl: /],
    [
      "a pattern without the external id",
      { operations: { combine: { outputs: ["out.mp4"] } } },
      /^operations.combine.outputs.0: found "out.mp4"; expected a file name with \{externalId\}, \{jobId\} or \{recordId\}/,
    ],
    [
      "an unknown placeholder",
      { operations: { combine: { outputs: ["{externalId}_{x}.mp4"] } } },
      /\{x\} is not known/,
    ],
    [
      "a type of two operations",
      { operations: { combine: { types: ["concatenate"] } } },
      /^operations.concatenate.types.0: .*"combine" already/,
    ],
    ["an operation that lacks what it needs", { operations: { mine: {} } }, /^operations.mine.outputs: missing; /],
    [
      "a completed status that is a stuck one",
      { jobs: { completedStatus: "processing" } },
      /^jobs.completedStatus: .*stuckStatuses/,
    ],
    ["a check that is none", { operations: { combine: { check: "mp5" } } }, /^operations.combine.check: found "mp5"; /],
    ["no object at all", "text", /^: found "text"; expected an object with keys/],
    ["an unknown preset", { preset: "ncaa" }, /^preset: found "ncaa"; expected one of/],
  ])("%s", (_, content, expected) => {
    expect(problems(content).join("\n")).toMatch(expected);
  });

  it("all at once", () => {
    expect(problems({ tresholds: 1, thresholds: { stuckAfter: "x" }, storage: { baseUrl: 1 } })).toHaveLength(3);
  });

  it.each<[Env, RegExp]>([
    [{ STUCK_JOBS_AIRTABLE_RPS: "9" }, /^STUCK_JOBS_AIRTABLE_RPS: found "9"/],
    [{ POLLING_ENABLED: "maybe" }, /^POLLING_ENABLED: found "maybe"; expected true or false/],
    [{ POLLING_MAX_AGE_HOURS: "-1" }, /^POLLING_MAX_AGE_HOURS: /],
    [{ AIRTABLE_API_KEY: "", AIRTABLE_TOKEN: "" }, /^AIRTABLE_API_KEY: no Airtable token/],
    [{ AIRTABLE_BASE_ID: "" }, /^airtable.baseId: no base/],
    [{ AIRTABLE_BASE_ID: "my base" }, /^AIRTABLE_BASE_ID: found "my base"; expected an Airtable base id/],
    [
      { AIRTABLE_API_KEY: "", AIRTABLE_API_KEY_FILE: "/nonexistent" },
      /^AIRTABLE_API_KEY_FILE: \/nonexistent cannot be read/,
    ],
  ])("in the environment: %o", (env, expected) => {
    expect(problems({}, env).join("\n")).toMatch(expected);
  });
});

describe("files and secrets", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "stuck-jobs-config-"));
    writeFileSync(join(folder, "package.json"), "{}");
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string) => {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  };

  it.each([
    [".stuck-jobsrc.yaml", "jobs: { table: Work }"],
    [".stuck-jobsrc.json", '{ "jobs": { "table": "Work" } }'],
    [".stuck-jobsrc", "jobs: { table: Work }"],
    ["stuck-jobs.config.mjs", "export default { jobs: { table: 'Work' } };"],
    ["stuck-jobs.config.ts", "const table: string = 'Work'; export default { jobs: { table } };"],
    ["package.json", '{ "stuck-jobs": { "jobs": { "table": "Work" } } }'],
  ])("reads %s", async (name, text) => {
    write(name, text);
    expect((await readConfigFile(null, folder)).content).toEqual({ jobs: { table: "Work" } });
  });

  it("reads the file that is named, and says when it is not there", async () => {
    write("other.yaml", "jobs: { table: Work }");
    expect((await readConfigFile("other.yaml", folder)).content).toEqual({ jobs: { table: "Work" } });
    await expect(readConfigFile("missing.yaml", folder)).rejects.toThrow(ConfigError);
  });

  it("says what is wrong with a file that is no YAML", async () => {
    write(".stuck-jobsrc.yaml", "jobs: [");
    await expect(readConfigFile(null, folder)).rejects.toThrow(ConfigError);
  });

  it("takes the token from a file or a systemd credential", () => {
    write("token", "from-file\n");
    write("credentials/AIRTABLE_API_KEY", "from-credential\n");
    const none = { AIRTABLE_BASE_ID: "appX" };
    expect(readEnvironment({ ...none, AIRTABLE_API_KEY_FILE: join(folder, "token") }).token).toBe("from-file");
    expect(readEnvironment({ ...none, CREDENTIALS_DIRECTORY: join(folder, "credentials") }).token).toBe(
      "from-credential",
    );
    expect(readEnvironment({ ...none, AIRTABLE_TOKEN: "plain" }).token).toBe("plain");
  });
});
