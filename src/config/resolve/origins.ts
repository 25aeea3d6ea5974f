import { existsSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "../../core/domain/json.ts";
import { type JsonSchema, schemaWithDefaults } from "../docs/json-schema.ts";
import type { Environment } from "../env/environment.ts";
import { CONFIG_VARIABLES, type Env, readVariable } from "../env/variables.ts";
import type { ConfigFile } from "../file/read-config-file.ts";
import { mergeSources } from "./resolve.ts";

/** A value of the configuration, and where it comes from. */
export interface ConfiguredValue {
  /** `operations.combine.outputs` */
  readonly key: string;
  /** As a file would have it; masked where it is a secret. */
  readonly value: unknown;
  /** The name of a variable, the path of a file, `preset nca`, or `default`. */
  readonly from: string;
}

const MASK = "********";

/** Returns every value that holds for a run over one base, in the order of the schema. Flags are not among them. */
export function listValues(file: ConfigFile, environment: Environment, env: Env): readonly ConfiguredValue[] {
  const merged = mergeSources(file, environment);
  const preset = isObject(merged) && typeof merged.preset === "string" ? merged.preset : "nca";
  const variables = new Map(
    Object.entries(CONFIG_VARIABLES).flatMap(([key, name]) => {
      const set = [name, `${name}_FILE`].find((each) => readVariable(env, each) !== null);
      return set === undefined ? [] : [[key, set] as const];
    }),
  );
  const origin = (key: string): string => {
    const isIn = (content: unknown) => readPath(content, key) !== undefined;
    return file.path !== null && (isIn(file.override) || isIn(file.content)) ? file.path : `preset ${preset}`;
  };
  const otherStore = isObject(merged) && merged.store === "postgres" ? "airtable." : "postgres.";
  const leaves = [...readLeaves(schemaWithDefaults(), merged, "")].filter(({ key }) => !key.startsWith(otherStore));
  const known = new Set(leaves.map(({ key }) => key));
  // A key of the storage, say, that stands in variables alone.
  const further = [...variables.keys()].filter((key) => !known.has(key)).map((key) => ({ key, ...NO_VALUE }));
  const configured = [...leaves, ...further].map(({ key, value, isDefault, isSecret }): ConfiguredValue => {
    const variable = variables.get(key);
    const mask = (shown: unknown) => (isSecret || SECRET_VARIABLE.test(variable ?? "") ? MASK : shown);
    if (variable !== undefined) {
      const found = readVariable(env, variable);
      return { key, value: mask(variable === "POLLING_MAX_AGE_HOURS" ? `${found}h` : found), from: variable };
    }
    return { key, value: value === null ? null : mask(value), from: isDefault ? "default" : origin(key) };
  });
  return [...configured, ...listVariables(env)];
}

/** Variables that no key of the configuration stands for, and whether each holds a secret. */
const OTHER_VARIABLES: Readonly<Record<string, boolean>> = {
  AIRTABLE_API_KEY: true,
  AIRTABLE_TOKEN: true,
  STUCK_JOBS_DATABASE_URL: true,
  DATABASE_URL: true,
  NCA_API_KEY: true,
  GOAPI_API_KEY: true,
  NCA_S3_ACCESS_KEY: false,
  NCA_S3_SECRET_KEY: true,
  NCA_S3_REGION: false,
  STUCK_JOBS_WEBHOOK_SECRET: true,
  POLLING_ENABLED: false,
  POLLING_INTERVAL_MINUTES: false,
};

/** Returns those that are set, in one of the ways that a secret may be. */
function listVariables(env: Env): readonly ConfiguredValue[] {
  return Object.entries(OTHER_VARIABLES).flatMap(([key, isSecret]): readonly ConfiguredValue[] => {
    const value = readVariable(env, key);
    if (value !== null) return [{ key, value: isSecret ? MASK : value, from: "environment" }];
    const file = readVariable(env, `${key}_FILE`);
    if (file !== null) return [{ key, value: MASK, from: `${key}_FILE (${file})` }];
    const credentials = readVariable(env, "CREDENTIALS_DIRECTORY");
    const credential = credentials === null ? "" : join(credentials, key);
    return credential !== "" && existsSync(credential) ? [{ key, value: MASK, from: credential }] : [];
  });
}

const NO_VALUE = { value: null, isDefault: true, isSecret: true };

/** Variables that hold a secret, or the path of one. */
const SECRET_VARIABLE = /SECRET|TOKEN|PING_URL|NOTIFY_URL/;

interface Leaf {
  readonly key: string;
  readonly value: unknown;
  readonly isDefault: boolean;
  readonly isSecret: boolean;
}

/** Yields the values of a configuration and the defaults for those that it leaves out. */
function* readLeaves(schema: JsonSchema, value: unknown, key: string): Iterable<Leaf> {
  const whole = (schema.anyOf ?? [schema]).find(({ properties }) => properties !== undefined) ?? schema;
  const { properties, additionalProperties } = whole;
  const isSecret = schema.writeOnly === true;
  const isContainer = properties !== undefined || typeof additionalProperties === "object";
  if (isSecret || !isContainer || (value !== undefined && !isObject(value))) {
    if (value !== undefined) yield { key, value, isDefault: false, isSecret };
    else if (schema.default !== undefined) yield { key, value: schema.default, isDefault: true, isSecret };
    return;
  }
  if (value === undefined && schema.default === null) yield { key, value: null, isDefault: true, isSecret };
  if (value === undefined && (schema.default === undefined || schema.default === null)) return;
  const own = value ?? {};
  const at = (name: string) => (key === "" ? name : `${key}.${name}`);
  for (const [name, each] of Object.entries(properties ?? {})) {
    if (at(name) !== "$schema") yield* readLeaves(each, own[name], at(name));
  }
  if (typeof additionalProperties !== "object") return;
  for (const [name, each] of Object.entries(own)) {
    if (!Object.hasOwn(properties ?? {}, name)) yield* readLeaves(additionalProperties, each, at(name));
  }
}

/** Returns the value at a key; names within it may have dots, so that the longest that fits counts. */
function readPath(content: unknown, key: string): unknown {
  if (!isObject(content)) return undefined;
  if (Object.hasOwn(content, key)) return content[key];
  const names = Object.keys(content).filter((name) => key.startsWith(`${name}.`));
  const [longest] = names.sort((one, other) => other.length - one.length);
  return longest === undefined ? undefined : readPath(content[longest], key.slice(longest.length + 1));
}
