import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import packageJson from "../../../package.json" with { type: "json" };
import { editorSchema } from "../../../src/config/docs/json-schema.ts";
import { configurationKeys, configurationPage } from "../../../src/config/docs/reference.ts";
import { durationText, parseDuration } from "../../../src/config/duration.ts";
import { nca } from "../../../src/config/presets/nca.ts";

const MINUTE = 60_000;

describe("the JSON Schema for editors", () => {
  const schema = z.fromJSONSchema(JSON.parse(readFileSync("schema/stuck-jobsrc.schema.json", "utf8")));
  const accepts = (value: unknown) => schema.safeParse(value).success;

  it("is the one that the program checks by: npm run schema", () => {
    expect(readFileSync("schema/stuck-jobsrc.schema.json", "utf8")).toBe(
      `${JSON.stringify(editorSchema(), null, 2)}\n`,
    );
  });

  it("is in the package", () => {
    expect(packageJson.files).toContain("schema");
  });

  it("takes what a file may hold", () => {
    expect(accepts({})).toBe(true);
    expect(accepts(nca)).toBe(true);
    expect(accepts(parse(readFileSync("examples/stuck-jobsrc.yaml", "utf8")))).toBe(true);
    expect(accepts({ $schema: "x", thresholds: { maxAge: "none", stuckAfter: "5m" } })).toBe(true);
    expect(accepts({ operations: { combine: null, concatenate: { attachment: "Video" } } })).toBe(true);
  });

  it.each([
    ["an unknown key", { job: {} }],
    ["an unknown key further down", { jobs: { fields: { state: "Status" } } }],
    ["a bare number as duration", { thresholds: { stuckAfter: 5 } }],
    ["a duration without unit", { thresholds: { stuckAfter: "5" } }],
    ["a word that is not allowed", { operations: { combine: { onExisting: "keep" } } }],
    ["a provider of one's own with a key that there is not", { providers: { mine: { address: "https://x.example" } } }],
  ])("refuses %s", (_, value) => {
    expect(accepts(value)).toBe(false);
  });
});

describe("docs/configuration.md", () => {
  it("is as npm run docs:config writes it", () => {
    expect(readFileSync("docs/configuration.md", "utf8")).toBe(configurationPage());
  });

  it("says of every key what it means", () => {
    expect(configurationKeys().filter(({ description }) => description === "")).toEqual([]);
  });

  it("has the defaults that count without a file", () => {
    const defaults = Object.fromEntries(configurationKeys().map((key) => [key.path, key.default]));
    expect(defaults["thresholds.stuckAfter"]).toBe("`5m`");
    expect(defaults["thresholds.maxAge"]).toBe("`1d`");
    expect(defaults["jobs.table"]).toBe("`Jobs`");
    expect(defaults["storage.attachmentUrlTtl"]).toBe("`1d`");
    expect(defaults["jobs.fields.startedAt"]).toBe("`null`");
  });
});

describe("a duration as a file has it", () => {
  it.each([
    [300_000, "5m"],
    [90_000, "90s"],
    [86_400_000, "1d"],
    [1_500, "1500ms"],
  ])("%i ms is %s", (duration, text) => {
    expect(durationText(duration)).toBe(text);
    expect(parseDuration(text)).toBe(duration);
  });

  it("has a unit also for none at all", () => {
    expect(durationText(0)).toBe("0d");
    expect(durationText(90 * MINUTE)).toBe("90m");
  });
});
