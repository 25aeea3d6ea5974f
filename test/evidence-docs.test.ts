import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readEnvironment } from "../src/config/env/environment.ts";
import { resolveSettings } from "../src/config/resolve/resolve.ts";
import { REASONS } from "../src/core/domain/verdict.ts";

const PAGE = readFileSync("docs/evidence.md", "utf8");

describe("docs/evidence.md", () => {
  it("names only reasons that exist", () => {
    const all = new Set<string>(Object.values(REASONS).flat());
    const named = [...PAGE.matchAll(/(?:recover|fail|wait|unknown): ((?:`[a-z-]+`(?:, )?)+)/g)];
    const reasons = named.flatMap(([, list = ""]) => [...list.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name));
    expect(reasons.length).toBeGreaterThan(10);
    expect(reasons.filter((name) => !all.has(name ?? ""))).toEqual([]);
  });

  it("shows a valid configuration", () => {
    const [, yaml = ""] = /```yaml\n([\s\S]*?)```/.exec(PAGE) ?? [];
    const environment = readEnvironment({ AIRTABLE_API_KEY: "pat", AIRTABLE_BASE_ID: "appXXXXXXXXXXXXXX" });
    const { operations } = resolveSettings({ path: null, content: parse(yaml) }, environment, {});
    expect(operations.find(({ name }) => name === "split")?.outputs).toMatchObject([
      { pattern: "{externalId}_split_{n}.mp4", all: true, count: "clips", from: 1 },
    ]);
  });
});
