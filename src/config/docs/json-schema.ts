import * as z from "zod";
import { durationText } from "../duration.ts";
import { DEFAULT_THRESHOLDS } from "../resolve/resolve.ts";
import { configSchema } from "../schema/config.ts";

/** JSON Schema, as far as it is read here. */
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
 * The JSON Schema of a configuration file, for editors: draft 7, which they all know. It is the schema that the program
 * checks by, but for what the preset brings along, which a file may leave out.
 */
export function editorSchema(): JsonSchema {
  return withBases(fileSchema());
}

/** The same with everything in its place. */
export function fileSchema(): JsonSchema {
  const made = z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any", target: "draft-7" });
  const { $schema, ...rest } = jsonSchema.parse(made);
  const root = withoutEmptyDefaults(changed(rest, [], relaxRequired));
  return { $schema, title: "Configuration of stuck-jobs", ...root };
}

type Path = readonly string[];

/** A change of every schema in another; `path` is the keys that lead to it, with `*` for any key. */
function changed(schema: JsonSchema, path: Path, change: (schema: JsonSchema, path: Path) => JsonSchema): JsonSchema {
  const { properties, additionalProperties } = schema;
  const inner = {
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

/** What the preset or the environment may bring along, and no file has to say. */
const BROUGHT_ALONG = ["", "jobs", "jobs.fields", "storage", "providers.nca", "operations.*", "operations.*.target"];

/** What may be null in a file, though no run ever sees it so. */
const NULL_MEANS: Readonly<Record<string, string>> = {
  "operations.*": "Takes the preset's operation out.",
  "providers.nca": "Keeps it off, whatever the environment says.",
  "providers.goapi": "Keeps it off, whatever the environment says.",
};

function relaxRequired(schema: JsonSchema, path: Path): JsonSchema {
  const at = path.join(".");
  const { required, ...rest } = schema;
  const loose = BROUGHT_ALONG.includes(at) || required === undefined ? rest : schema;
  const nullMeans = NULL_MEANS[at];
  if (nullMeans !== undefined) {
    const { description, ...whole } = loose;
    return { description, anyOf: [whole, { type: "null", description: nullMeans }] };
  }
  const [, threshold] = /^thresholds\.(\w+)$/.exec(at) ?? [];
  const known = Object.entries(DEFAULT_THRESHOLDS).find(([name]) => name === threshold);
  return known === undefined ? loose : { ...loose, default: known[1] === null ? "none" : durationText(known[1]) };
}

/** Of a base in the list every section is as at the top: both refer to one definition. */
function withBases(root: JsonSchema): JsonSchema {
  const { $schema, bases, ...sections } = root.properties ?? {};
  if (bases?.items === undefined) return root;
  const references = Object.fromEntries(
    Object.keys(sections).map((name): [string, JsonSchema] => [name, { $ref: `#/definitions/${name}` }]),
  );
  const items = {
    ...bases.items,
    properties: { ...bases.items.properties, ...references },
    additionalProperties: false,
  };
  const properties = { ...($schema === undefined ? {} : { $schema }), ...references, bases: { ...bases, items } };
  return { ...root, properties, definitions: { ...root.definitions, ...sections } };
}

/** zod's prefaults come out as `{}`, which says nothing: what they hold has defaults of its own. */
function withoutEmptyDefaults(schema: JsonSchema): JsonSchema {
  return changed(schema, [], (each) => {
    const { default: value, ...rest } = each;
    const empty = each.properties !== undefined && JSON.stringify(value) === "{}";
    return empty ? rest : each;
  });
}
