import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readEnvironment } from "../../../src/config/env/environment.ts";
import { nca } from "../../../src/config/presets/nca.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { checkPresetAlone } from "../../../src/config/resolve/preset-alone.ts";
import { mergeSources, resolveSettingsLazy } from "../../../src/config/resolve/resolve.ts";
import { checkBySchema } from "../../../src/config/schema/check.ts";
import { settle } from "../../../src/config/settings.ts";

const TOKEN = { AIRTABLE_API_KEY: "a-token", AIRTABLE_BASE_ID: "appBase0000000001" };

const laid = (env: Readonly<Record<string, string>>, content: unknown = {}) =>
  mergeSources({ path: null, content }, readEnvironment(env));

const PLAIN: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["nothing at all", {}],
  ["base and token", TOKEN],
  ["a pace", { ...TOKEN, STUCK_JOBS_AIRTABLE_RPS: "0.5" }],
  ["another endpoint", { ...TOKEN, AIRTABLE_ENDPOINT_URL: "http://127.0.0.1:8080/" }],
  ["another place", { ...TOKEN, STUCK_JOBS_STORAGE_URL: "https://other.example/outputs" }],
  ["ages and the journal of the environment", { ...TOKEN, POLLING_MAX_AGE_HOURS: "3", POLLING_INTERVAL_MINUTES: "7" }],
];

describe("the preset with nothing but the environment's base, pace and places", () => {
  it.each(PLAIN)("is what the schema makes of it: %s", (_, env) => {
    const config = checkPresetAlone(laid(env));
    expect(config).not.toBeNull();
    expect({ kind: "sound", config }).toStrictEqual(checkBySchema(laid(env)));
  });

  it.each(PLAIN.slice(1))("settles as by the schema: %s", async (_, env) => {
    const environment = readEnvironment(env);
    const { settings } = await bothWays(environment);
    expect(settings[0]).toStrictEqual(settings[1]);
  });

  async function bothWays(environment: ReturnType<typeof readEnvironment>) {
    const file = { path: null, content: {} };
    return { settings: [await resolveSettingsLazy(file, environment, {}), settle(file, environment, {})] };
  }
});

describe("all else is for the schema", () => {
  it.each<[string, Readonly<Record<string, string>>, unknown]>([
    ["a base id that is none", { ...TOKEN, AIRTABLE_BASE_ID: "base-1" }, {}],
    ["an endpoint that is no address", { ...TOKEN, AIRTABLE_ENDPOINT_URL: "api.airtable.com" }, {}],
    ["a place with a password", { ...TOKEN, STUCK_JOBS_STORAGE_URL: "https://me:secret@x.example/" }, {}],
    ["a pace of text", TOKEN, { airtable: { requestsPerSecond: "4" } }],
    ["a pace above Airtable's", TOKEN, { airtable: { requestsPerSecond: 6 } }],
    ["an unknown key beside the base", TOKEN, { airtable: { base: "appX" } }],
    ["an unknown section", TOKEN, { job: {} }],
    ["a provider", { ...TOKEN, NCA_BASE_URL: "https://nca.example", NCA_API_KEY: "k" }, {}],
    ["an operation taken out", TOKEN, { operations: { combine: null } }],
    ["another preset", TOKEN, { preset: "none" }],
    ["a list", TOKEN, []],
    ["a key to sign with", TOKEN, { storage: { credentials: { from: "aws" } } }],
  ])("%s", (_, env, content) => {
    expect(checkPresetAlone(laid(env, content))).toBeNull();
  });

  it("tells what is wrong as the schema does", async () => {
    const environment = readEnvironment({ ...TOKEN, AIRTABLE_BASE_ID: "base-1" });
    const file = { path: null, content: {} };
    await expect(resolveSettingsLazy(file, environment, {})).rejects.toThrow(ConfigError);
    await expect(resolveSettingsLazy(file, environment, {})).rejects.toThrow(/AIRTABLE_BASE_ID: found "base-1"/);
  });

  it("whatever the file says, the two never disagree", () => {
    const leaf = fc.oneof(fc.constant(null), fc.string(), fc.double(), fc.boolean(), fc.constant({}), fc.constant([]));
    const path = fc.constantFrom(...paths(nca), "airtable.baseId", "airtable.requestsPerSecond", "airtable.x", "x");
    fc.assert(
      fc.property(path, leaf, (at, value) => {
        const content = at.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
        const config = checkPresetAlone(laid(TOKEN, content));
        if (config !== null) expect({ kind: "sound", config }).toStrictEqual(checkBySchema(laid(TOKEN, content)));
      }),
    );
  });
});

function paths(value: unknown, above = ""): readonly string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [above];
  const below = Object.entries(value).flatMap(([key, each]) => paths(each, above === "" ? key : `${above}.${key}`));
  return above === "" ? below : [above, ...below];
}
