import { describe, expect, it } from "vitest";
import { readEnvironment } from "../../../src/config/env/environment.ts";
import type { Env } from "../../../src/config/env/variables.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { resolveBases } from "../../../src/config/resolve/bases.ts";
import { resolveSettings } from "../../../src/config/resolve/resolve.ts";

const FIELDS = { status: "status", externalId: "external_id", startedAt: "started_at" };
const JOBS = { table: "public.renders", id: "id", fields: FIELDS, completedStatus: "done" };
const COMBINE = {
  types: ["combine"],
  outputs: ["{externalId}.mp4"],
  target: { table: ["my.media", "segments"], key: "uuid", from: "segment_id" },
  attachment: "output_url",
  set: { state: "ready" },
};
const RENDERS = {
  store: "postgres",
  jobs: JOBS,
  storage: { baseUrl: "https://bucket.test/files" },
  operations: { combine: COMBINE },
};
const URL = { STUCK_JOBS_DATABASE_URL: "postgres://u:s3cret-word@db.test/app" };

function settings(content: object, env: Env = URL) {
  return resolveSettings({ path: null, content }, readEnvironment(env), {});
}

function problems(content: object, env: Env = URL): readonly string[] {
  try {
    settings(content, env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
}

describe("a configuration over PostgreSQL", () => {
  it("stands on no preset, and needs neither token nor base id", () => {
    const found = settings(RENDERS);
    expect(found.operations.map(({ name }) => name)).toEqual(["combine"]);
    expect(found.operations[0]?.target).toEqual({
      table: "my.media.segments",
      links: ["segment_id"],
      payloadKeys: [],
      ids: "any",
    });
    expect(found.jobs).toMatchObject({ table: "public.renders", failedStatus: "failed" });
    expect(found.store).toMatchObject({
      kind: "postgres",
      baseId: "app.public.renders",
      address: { host: "db.test", database: "app", sslMode: "prefer" },
      jobs: { table: ["public", "renders"], id: "id" },
      links: ["segment_id"],
      targets: [
        {
          label: "my.media.segments",
          table: ["my.media", "segments"],
          key: "uuid",
          written: [
            { field: "output_url", content: "text" },
            { field: "state", content: "value" },
          ],
          values: [{ field: "state", value: "ready" }],
        },
      ],
      limits: { connections: 4, statementTimeout: 30_000, lockTimeout: 5_000 },
    });
    expect(found.secrets).toContain("s3cret-word");
  });

  it("takes statuses that are numbers", () => {
    const jobs = { ...JOBS, stuckStatuses: [1, "2"], completedStatus: 3, failedStatus: 4 };
    expect(settings({ ...RENDERS, jobs }).jobs).toMatchObject({ stuckStatuses: ["1", "2"], completedStatus: "3" });
  });

  it("falls back to DATABASE_URL, which is no matter to a base of Airtable", () => {
    expect(settings(RENDERS, { DATABASE_URL: "postgres://u@other/app" }).store).toMatchObject({
      address: { host: "other" },
    });
    const airtable = { AIRTABLE_API_KEY: "pat", AIRTABLE_BASE_ID: "appA", DATABASE_URL: "mysql://u:p@h/d" };
    expect(settings({}, airtable).store).toMatchObject({ kind: "airtable" });
  });

  it.each([
    ["no URL", RENDERS, {}, "STUCK_JOBS_DATABASE_URL: no database; set it"],
    [
      "another scheme",
      RENDERS,
      { DATABASE_URL: "mysql://u:s3cret@h/d" },
      "STUCK_JOBS_DATABASE_URL: found no postgres:// URL",
    ],
    ["a preset of Airtable", { ...RENDERS, preset: "nca" }, URL, 'preset: found "nca"'],
    ["no key of the jobs", { ...RENDERS, jobs: { ...JOBS, id: undefined } }, URL, "jobs.id: missing; expected"],
    [
      "no date of the jobs",
      { ...RENDERS, jobs: { ...JOBS, fields: { ...FIELDS, startedAt: null } } },
      URL,
      "jobs.fields.startedAt: found null; expected",
    ],
    [
      "a table of three parts",
      { ...RENDERS, jobs: { ...JOBS, table: "a.b.c" } },
      URL,
      'jobs.table: found "a.b.c"; expected table or schema.table',
    ],
    [
      "a name that is too long",
      { ...RENDERS, jobs: { ...JOBS, table: "x".repeat(64) } },
      URL,
      "a part of the name is longer than PostgreSQL's 63 bytes",
    ],
    [
      "no way to the target",
      { ...RENDERS, operations: { combine: { ...COMBINE, target: { table: "t" } } } },
      URL,
      "operations.combine.target.from: missing; expected",
    ],
    [
      "an Airtable base with a key",
      { jobs: { id: "id" } },
      { AIRTABLE_API_KEY: "pat", AIRTABLE_BASE_ID: "appA" },
      'jobs.id: found "id"; expected nothing: it is for store: postgres',
    ],
  ])("says what is wrong with %s", (_, content, env, message) => {
    const found = problems(content, env);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
    expect(found.join()).not.toContain("s3cret");
  });

  it("may stand beside Airtable bases in one list", () => {
    const content = { bases: [{ baseId: "appA" }, { ...RENDERS, name: "renders" }] };
    const env = { ...URL, AIRTABLE_API_KEY: "pat" };
    const found = resolveBases({ path: null, content }, readEnvironment(env), {});
    expect(found.map(({ store, base }) => [store.kind, store.baseId, base?.name])).toEqual([
      ["airtable", "appA", "appA"],
      ["postgres", "renders", "renders"],
    ]);
    const { store } = RENDERS;
    expect(() =>
      resolveBases({ path: null, content: { store, bases: [{ jobs: JOBS }] } }, readEnvironment(env), {}),
    ).toThrow(/bases\[0\].name: missing; expected a name/);
  });
});
