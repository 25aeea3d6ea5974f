import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { readEnvironment } from "../../../src/config/env/environment.ts";
import type { Env } from "../../../src/config/env/variables.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { resolveBases, selectBases } from "../../../src/config/resolve/bases.ts";

const TOKEN = { AIRTABLE_API_KEY: "a-token" };

function bases(content: Readonly<Record<string, unknown>>, env: Env = {}) {
  return resolveBases({ path: "x.yaml", content }, readEnvironment({ ...TOKEN, ...env }), {});
}

function problems(content: Readonly<Record<string, unknown>>, env: Env = {}): readonly string[] {
  try {
    bases(content, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

const [A, B] = [{ baseId: "appA" }, { baseId: "appB", name: "b" }];

describe("bases that override the same", () => {
  const thresholds = { failAfter: "3h" };

  it("are resolved once, and differ in their id and name alone", () => {
    const [a, b, c] = bases({
      bases: [{ ...A, thresholds }, { ...B, thresholds: { ...thresholds } }, { baseId: "appC" }],
    });
    expect(b?.operations).toBe(a?.operations);
    expect(b).toEqual({ ...a, store: { ...a?.store, baseId: "appB" }, base: { ...a?.base, id: "appB", name: "b" } });
    expect(c?.thresholds.failAfter).toBe(3_600_000);
  });

  it("are not those whose values are alike in JSON alone", () => {
    const list = [null, Number.POSITIVE_INFINITY].map((notes, n) => ({
      baseId: `app${n}`,
      jobs: { fields: { notes } },
    }));
    expect(problems({ bases: list })).toEqual([expect.stringMatching(/^bases\[1\]\.jobs\.fields\.notes: /)]);
  });

  it("have names of their own in PostgreSQL as well", () => {
    const jobs = { table: "jobs", id: "id", fields: { status: "s", externalId: "e", startedAt: "at" } };
    const content = { store: "postgres", preset: "none", jobs, storage: { baseUrl: "https://b.example/x" } };
    const operations = { o: { outputs: ["{externalId}"], target: "self", deliver: { field: "url" } } };
    const env = { STUCK_JOBS_DATABASE_URL: "postgres://one@db/app" };
    const found = bases({ ...content, operations, bases: [{ name: "one" }, { name: "two" }] }, env);
    expect(found.map(({ store, base }) => [store.baseId, base?.name])).toEqual([
      ["one", "one"],
      ["two", "two"],
    ]);
  });
});

describe("a list of bases", () => {
  it("has each with what it says laid over the rest of the file, over the preset", () => {
    const [a, b] = bases({
      thresholds: { stuckAfter: "10m", failAfter: "2h" },
      bases: [
        A,
        { ...B, thresholds: { failAfter: "3h" }, jobs: { table: "Work" }, airtable: { requestsPerSecond: 2 } },
      ],
    });
    expect(a?.thresholds).toMatchObject({ stuckAfter: 600_000, failAfter: 7_200_000 });
    expect(b?.thresholds).toMatchObject({ stuckAfter: 600_000, failAfter: 10_800_000 });
    expect([a?.jobs.table, b?.jobs.table, b?.jobs.fields.status]).toEqual(["Jobs", "Work", "Status"]);
    expect([a?.store, b?.store]).toMatchObject([
      { baseId: "appA", requestsPerSecond: 4 },
      { baseId: "appB", requestsPerSecond: 2 },
    ]);
  });

  it("calls each by its name or else its id, and distinguishes it from the others", () => {
    expect(bases({ bases: [A, B] }).map(({ base }) => base)).toEqual([
      { id: "appA", name: "appA", all: ["appA", "appB"] },
      { id: "appB", name: "b", all: ["appA", "appB"] },
    ]);
  });

  it("has one take out what the preset, or the rest of the file, brings along", () => {
    const own = { types: ["own"], outputs: ["{externalId}.mp4"], target: { table: "T" }, attachment: "File" };
    const [a, b] = bases(
      {
        operations: { own, combine: { attachment: "Other" } },
        providers: { nca: { baseUrl: "https://nca.example" } },
        bases: [A, { ...B, operations: { own: null, combine: null }, providers: { nca: null } }],
      },
      { NCA_API_KEY: "a-key", NCA_BASE_URL: "https://nca.example" },
    );
    expect(a?.operations.map(({ name }) => name)).toEqual(["combine", "concatenate", "add_music", "image_zoom", "own"]);
    expect(b?.operations.map(({ name }) => name)).toEqual(["concatenate", "add_music", "image_zoom"]);
    expect([a?.providers.length, b?.providers.length]).toEqual([1, 0]);
  });

  it("may have one do without the preset", () => {
    expect(problems({ bases: [A, { ...B, preset: "none" }] }).map((each) => each.split(":", 1).join())).toEqual([
      "bases[1].jobs",
      "bases[1].storage.baseUrl",
      "bases[1].operations",
    ]);
  });
});

describe("accounts", () => {
  const accounts = { acme: { tokenVariable: "ACME_TOKEN" }, globex: { token: "globex-token" } };
  const tokens = (content: Readonly<Record<string, unknown>>, env: Env = {}) =>
    bases(content, { ACME_TOKEN: "acme-token", ...env }).map(({ store }) =>
      store.kind === "airtable" ? store.token : "",
    );

  it("give each base the token of its own, and the others that of the environment", () => {
    const list = [{ ...A, account: "acme" }, { ...B, account: "globex" }, { baseId: "appC" }];
    expect(tokens({ accounts, bases: list })).toEqual(["acme-token", "globex-token", "a-token"]);
    expect(tokens({ accounts, account: "acme", bases: [A, { ...B, account: "globex" }] })).toEqual([
      "acme-token",
      "globex-token",
    ]);
  });

  it("need no token in the environment where each base has one", () => {
    const list = [{ ...A, account: "acme" }];
    expect(tokens({ accounts, bases: list }, { AIRTABLE_API_KEY: "" })).toEqual(["acme-token"]);
    expect(problems({ accounts, bases: [...list, B] }, { ACME_TOKEN: "x", AIRTABLE_API_KEY: "" })).toEqual([
      "bases[1].AIRTABLE_API_KEY: no Airtable token; set it, AIRTABLE_TOKEN or AIRTABLE_API_KEY_FILE",
    ]);
  });

  it("say what is wrong with them", () => {
    expect(problems({ accounts, bases: [{ ...A, account: "acne" }, B] })).toEqual([
      'bases[0].account: found "acne"; expected one of acme, globex',
    ]);
    expect(problems({ accounts, bases: [{ ...A, account: "acme" }, B] })).toEqual([
      'bases[0].accounts.acme.tokenVariable: found "ACME_TOKEN", which is not set',
    ]);
    expect(problems({ accounts: { acme: { tokenFile: "none" } }, bases: [{ ...A, account: "acme" }, B] })).toEqual([
      expect.stringMatching(/^bases\[0\]\.accounts\.acme\.tokenFile: .*none cannot be read/),
    ]);
    expect(problems({ bases: [{ ...A, accounts }, B] })).toEqual(["bases[0].accounts: belongs at the top"]);
  });
});

describe("docs/bases.md", () => {
  const [, yaml = ""] = /```yaml\n(.*?)```/s.exec(readFileSync("docs/bases.md", "utf8")) ?? [];

  it("shows a list that holds, for the program and for editors", () => {
    expect(bases(parse(yaml)).map(({ base, thresholds }) => [base?.name, thresholds.failAfter])).toEqual([
      ["acme", 7_200_000],
      ["globex", 21_600_000],
      ["appXXXXXXXXXXXXX3", 7_200_000],
    ]);
    const schema = z.fromJSONSchema(JSON.parse(readFileSync("schema/stuck-jobsrc.schema.json", "utf8")));
    expect(schema.safeParse(parse(yaml)).success).toBe(true);
    expect(schema.safeParse({ bases: [{ baseId: "appA", job: {} }] }).success).toBe(false);
    expect(schema.safeParse({ bases: [{ baseId: "appA", jobs: { tabel: "x" } }] }).success).toBe(false);
  });
});

describe("what is wrong with a list of bases", () => {
  it("is reported all at once, each with its path", () => {
    expect(
      problems({
        airtable: { baseId: "appC" },
        thresholds: { failAfter: 3 },
        bases: [
          A,
          { ...B, thresholds: { stuckAftr: "5m" }, jobs: { failedStatus: "completed" } },
          { baseId: "nope" },
          {
            baseId: "appA",
            name: "b",
            airtable: { baseId: "appD" },
            monitoring: { pingUrl: "https://x.example" },
            bases: [],
          },
        ],
      }),
    ).toEqual([
      'bases[2].baseId: found "nope"; expected an Airtable base id: app…',
      'bases[3].baseId: found "appA", which is bases[0].baseId already',
      'bases[3].name: found "b", which is bases[1].name already',
      "bases[3].airtable.baseId: belongs next to name: bases[3].baseId",
      "bases[3].monitoring.pingUrl: is one for the whole run: it belongs at the top",
      "bases[3].bases: a base holds no further ones",
      "airtable.baseId: cannot be combined with bases, each of which has its own; remove one of the two",
      'thresholds.failAfter: found 3; expected a number with its unit: "90s", "5m", "1h", "7d"',
      'bases[1].thresholds.stuckAftr: unknown key, did you mean "stuckAfter"? Allowed here: stuckAfter, failAfter, maxAge, providerCap',
    ]);
  });

  it("is that of the base that overrides what was right", () => {
    expect(problems({ thresholds: { failAfter: "2h" }, bases: [A, { ...B, thresholds: { failAfter: 3 } }] })).toEqual([
      'bases[1].thresholds.failAfter: found 3; expected a number with its unit: "90s", "5m", "1h", "7d"',
    ]);
  });

  it("is that of the base that lacks what the others bring", () => {
    const storage = { baseUrl: "https://b.example/x" };
    const whole = { jobs: { table: "T", fields: { status: "S", externalId: "E" } }, storage, operations: {} };
    expect(
      problems({
        preset: "none",
        bases: [
          { ...A, ...whole },
          { ...B, ...whole, storage: {} },
        ],
      }),
    ).toEqual(["bases[1].storage.baseUrl: missing; expected a text"]);
  });

  it("is reported once where it is a variable of the environment", () => {
    expect(problems({ bases: [A, B] }, { STUCK_JOBS_STORAGE_URL: "ftp://x" })).toEqual([
      expect.stringMatching(/^STUCK_JOBS_STORAGE_URL: found "ftp/),
    ]);
    expect(problems({ bases: [A, B] }, { AIRTABLE_API_KEY: "" })).toEqual([
      expect.stringMatching(/^AIRTABLE_API_KEY: no Airtable token/),
    ]);
  });

  it.each([
    ["no list", "x", 'bases: found "x"; expected a list'],
    ["an empty list", [], "bases: found []; expected at least one base"],
    ["no object in it", ["appA"], 'bases[0]: found "appA"; expected an object with keys'],
    [
      "a base called as another's id",
      [A, { ...B, name: "appA" }],
      'bases[1].name: found "appA", which is bases[0].baseId already',
    ],
  ])("is reported for %s", (_, list, message) => {
    expect(problems({ bases: list })).toEqual([message]);
  });
});

describe("picking among bases", () => {
  const all = bases({ bases: [A, B] });
  const ids = (named: readonly string[] | null, baseId: string | null) =>
    selectBases(all, named, { baseId }).map(({ store }) => store.baseId);

  it("takes all, that of the environment, or those of the flag", () => {
    expect([ids(null, null), ids(null, "appB"), ids(["b"], "appA"), ids(["b", "appA"], null)]).toEqual([
      ["appA", "appB"],
      ["appB"],
      ["appB"],
      ["appA", "appB"],
    ]);
  });

  it("says which there are", () => {
    expect(() => ids(["bb"], null)).toThrow('--base: found "bb"; allowed: appA, b (appB).');
  });
});
