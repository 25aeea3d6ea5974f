import * as z from "zod";
import { durationText } from "../duration.ts";
import { DEFAULT_THRESHOLDS } from "../resolve/resolve.ts";
import { configSchema } from "../schema/config.ts";

/** The part of JSON Schema that is read here. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
  readonly type?: string | readonly string[] | undefined;
  readonly description?: string | undefined;
  readonly pattern?: string | undefined;
  readonly enum?: readonly unknown[] | undefined;
  readonly anyOf?: readonly JsonSchema[] | undefined;
  readonly items?: JsonSchema | undefined;
  readonly properties?: Readonly<Record<string, JsonSchema>> | undefined;
  readonly additionalProperties?: boolean | JsonSchema | undefined;
  readonly $ref?: string | undefined;
  readonly definitions?: Readonly<Record<string, JsonSchema>> | undefined;
}

const jsonSchema: z.ZodType<JsonSchema> = z.lazy(() =>
  z.looseObject({
    type: z.union([z.string(), z.array(z.string())]).optional(),
    description: z.string().optional(),
    pattern: z.string().optional(),
    enum: z.array(z.unknown()).optional(),
    anyOf: z.array(jsonSchema).optional(),
    items: jsonSchema.optional(),
    properties: z.record(z.string(), jsonSchema).optional(),
    additionalProperties: z.union([z.boolean(), jsonSchema]).optional(),
    $ref: z.string().optional(),
    definitions: z.record(z.string(), jsonSchema).optional(),
  }),
);

/**
 * Returns the JSON Schema of a configuration file, for editors: draft 7, which all of them know. It is the schema that the
 * program checks by, except that a file may leave out what the preset provides.
 */
export function editorSchema(): JsonSchema {
  return withBases(fileSchema());
}

/** Returns the same schema without references. */
export function fileSchema(): JsonSchema {
  const { $schema, ...rest } = schemaWithDefaults();
  return { $schema, title: "Configuration of stuck-jobs", ...withoutEmptyDefaults(rest) };
}

/** Returns the same schema with an empty default for each object that may be left out and has defaults within. */
export function schemaWithDefaults(): JsonSchema {
  const made = z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any", target: "draft-7" });
  return changed(jsonSchema.parse(made), [], relaxRequired);
}

type Path = readonly string[];

/** Applies a change to every schema within another. `path` has the keys that lead to it; `*` stands for any key. */
function changed(schema: JsonSchema, path: Path, change: (schema: JsonSchema, path: Path) => JsonSchema): JsonSchema {
  const { properties, additionalProperties, anyOf } = schema;
  const inner = {
    ...(anyOf === undefined ? {} : { anyOf: anyOf.map((each) => changed(each, path, change)) }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([key, each]) => [key, changed(each, [...path, key], change)]),
          ),
        }),
    ...(typeof additionalProperties === "object"
      ? { additionalProperties: changed(additionalProperties, [...path, "*"], change) }
      : {}),
  };
  return change({ ...schema, ...inner }, path);
}

/** Objects whose required keys the preset or the environment may provide, so that no file has to. */
const PROVIDED_BY_PRESET = [
  "",
  "jobs",
  "jobs.fields",
  "storage",
  "providers.nca",
  "providers.*",
  "providers.*.states",
  "providers.*.result",
  "operations.*",
  "operations.*.target",
];

/** What null means in a file; the merge removes it. */
const NULL_MEANS: Readonly<Record<string, string>> = {
  "operations.*": "Removes the preset's operation.",
  "providers.nca": "Keeps it off, whatever the environment says.",
  "providers.goapi": "Keeps it off, whatever the environment says.",
};

function relaxRequired(schema: JsonSchema, path: Path): JsonSchema {
  const at = path.join(".");
  const { required, ...rest } = schema;
  const loose = PROVIDED_BY_PRESET.includes(at) || required === undefined ? rest : schema;
  const nullMeans = NULL_MEANS[at];
  if (nullMeans !== undefined) {
    const { description, ...whole } = loose;
    return { description, anyOf: [whole, { type: "null", description: nullMeans }] };
  }
  const [, threshold] = /^thresholds\.(\w+)$/.exec(at) ?? [];
  const known = Object.entries(DEFAULT_THRESHOLDS).find(([name]) => name === threshold);
  return known === undefined ? loose : { ...loose, default: known[1] === null ? "none" : durationText(known[1]) };
}

/** Gives a base in the list the sections of the file: both refer to one definition. */
function withBases(root: JsonSchema): JsonSchema {
  // What belongs at the top alone; the rest a base may have as well.
  const { $schema, bases, accounts, fleet, ...sections } = root.properties ?? {};
  if (bases?.items === undefined) return root;
  const references = Object.fromEntries(
    Object.keys(sections).map((name): [string, JsonSchema] => [name, { $ref: `#/definitions/${name}` }]),
  );
  const items = {
    ...bases.items,
    properties: { ...bases.items.properties, ...references },
    additionalProperties: false,
  };
  const properties = {
    ...($schema === undefined ? {} : { $schema }),
    ...references,
    ...(accounts === undefined ? {} : { accounts }),
    ...(fleet === undefined ? {} : { fleet }),
    bases: { ...bases, items },
  };
  return { ...root, properties, definitions: { ...root.definitions, ...sections } };
}

/** Removes the defaults `{}` that zod makes of prefaults: the keys within have defaults of their own. */
function withoutEmptyDefaults(schema: JsonSchema): JsonSchema {
  return changed(schema, [], (each) => {
    const { default: value, ...rest } = each;
    const empty = each.properties !== undefined && JSON.stringify(value) === "{}";
    return empty ? rest : each;
  });
}
