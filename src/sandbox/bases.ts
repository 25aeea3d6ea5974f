import { type BaseSchema, parseSchema } from "./airtable/schema.ts";
import { RENDERS_SCHEMA, rendersConfig, seedRenders } from "./renders.ts";
import schemaJson from "./seed/base-schema.json" with { type: "json" };
import { type Seed, seed } from "./seed.ts";

/** A base that the sandbox can start with. */
export interface SandboxBase {
  readonly baseId: string;
  readonly schema: BaseSchema;
  readonly jobsTable: string;
  readonly bucket: string;
  /** Whether the environment names the storage: else its configuration does, or `init` learns it. */
  readonly namesStorage: boolean;
  /** Creates the records and objects for the time `now`. */
  seed(now: number, storageUrl: string): Seed;
  /** Returns the content of the configuration file for it. */
  config(storageUrl: string): unknown;
}

/** The names of the bases; the first is that of the preset. */
export type SandboxBaseName = "nca" | "renders";

/** Returns a base by its name. */
export function sandboxBase(name: SandboxBaseName): SandboxBase {
  switch (name) {
    case "nca":
      return {
        baseId: "appSandbox0000001",
        schema: parseSchema(schemaJson),
        jobsTable: "Jobs",
        bucket: "phi-bucket",
        namesStorage: true,
        seed,
        config: () => ({}),
      };
    case "renders":
      return {
        baseId: "appSandbox0000002",
        schema: RENDERS_SCHEMA,
        jobsTable: "Render Tasks",
        bucket: "acme-media",
        namesStorage: false,
        seed: seedRenders,
        config: rendersConfig,
      };
  }
}
