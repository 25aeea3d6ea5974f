import { readFileSync } from "node:fs";
import { type Config, defineConfig } from "stuck-jobs";
import { describe, expect, it } from "vitest";
import { configTypes } from "../../src/config/docs/types.ts";
import { nca } from "../../src/config/presets/nca.ts";

describe("defineConfig, as the package exports it", () => {
  it("returns the configuration as it is", () => {
    const config: Config = { airtable: { baseId: "appSandbox0000001" }, operations: { combine: null } };
    expect(defineConfig(config)).toBe(config);
  });

  it("has types that know every key, and refuse what is misspelled or of another type", () => {
    const preset: Config = nca;
    expect(defineConfig(preset)).toBe(nca);
    // @ts-expect-error: the key is stuckAfter.
    defineConfig({ thresholds: { stuckafter: "5m" } });
    // @ts-expect-error: a duration is a text.
    defineConfig({ thresholds: { stuckAfter: 5 } });
  });

  it("has the types of the schema that the program checks by: npm run schema", async () => {
    expect(readFileSync("types/index.d.ts", "utf8")).toBe(await configTypes());
  });
});
