import { isObject } from "../../core/domain/json.ts";
import { CONFIG_VARIABLES } from "../env/variables.ts";
import { nca } from "../presets/nca.ts";
import { DURATION_PATTERN } from "../schema/thresholds.ts";
import { fileSchema, type JsonSchema } from "./json-schema.ts";

/** One key of the configuration, for the table of its section. */
export interface Key {
  readonly path: string;
  readonly type: string;
  /** In the form of a file; null where there is none. */
  readonly default: string | null;
  readonly description: string;
  readonly variable: string | null;
}

/** Returns every key that a file may have, in the order of the schema, containers included. */
export function configurationKeys(): readonly Key[] {
  return keysOf(fileSchema(), "");
}

function keysOf(schema: JsonSchema, path: string): readonly Key[] {
  const named = Object.entries(schema.properties ?? {}).flatMap(([name, each]) =>
    collectKeys(each, path === "" ? name : `${path}.${name}`),
  );
  const { additionalProperties } = schema;
  const any = typeof additionalProperties === "object" && hasKeys(additionalProperties);
  return any ? [...named, ...collectKeys(additionalProperties, `${path}.<name>`)] : named;
}

function collectKeys(schema: JsonSchema, path: string): readonly Key[] {
  const [whole] = alternatives(schema).filter(hasKeys);
  const inList = alternatives(schema.items ?? {}).find(hasKeys);
  return [
    {
      path,
      type: typeOf(schema),
      default: defaultOf(schema, path),
      description: schema.description ?? "",
      variable: CONFIG_VARIABLES[path] ?? null,
    },
    ...(whole === undefined ? [] : keysOf(whole, path)),
    ...(inList === undefined ? [] : keysOf(inList, `${path}[]`)),
  ];
}

function hasKeys({ properties, additionalProperties, anyOf }: JsonSchema): boolean {
  if (anyOf !== undefined) return anyOf.some(hasKeys);
  return properties !== undefined || (typeof additionalProperties === "object" && hasKeys(additionalProperties));
}

function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf ?? [schema];
}

function typeOf(schema: JsonSchema): string {
  const { anyOf, const: fixed, enum: words, type, items, properties, pattern } = schema;
  if (anyOf !== undefined) return [...new Set(anyOf.map(typeOf))].join(" or ");
  if (fixed !== undefined) return code(fixed);
  if (words !== undefined) return words.map(code).join(", ");
  if (pattern === DURATION_PATTERN) return "duration";
  switch (type) {
    case "array":
      return `list of ${typeOf(items ?? {})}`;
    case "object":
      return properties === undefined ? "map" : "keys below";
    case "string":
      return "text";
    case "integer":
    case "number":
      return `${type === "integer" ? "whole number" : "number"}${range(schema)}`;
    default:
      return typeof type === "string" ? type : (type?.join(" or ") ?? "any");
  }
}

function range({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  const most = typeof maximum === "number" && maximum < Number.MAX_SAFE_INTEGER ? maximum : null;
  if (typeof minimum === "number") return most === null ? ` from ${minimum}` : ` from ${minimum} to ${most}`;
  const above = typeof exclusiveMinimum === "number" ? ` above ${exclusiveMinimum}` : "";
  return most === null ? above : `${above}, at most ${most}`;
}

/** Returns the default of the preset `nca`, else that of the schema. */
function defaultOf(schema: JsonSchema, path: string): string | null {
  const preset = path.split(".").reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), nca);
  const value = preset === undefined || isObject(preset) ? schema.default : preset;
  if (value === undefined || (isObject(value) && Object.keys(value).length === 0)) return null;
  // The list of all names that NCA's worker uses would fill a page of its own.
  return Array.isArray(value) && value.length > 3 ? `${value.length} names of the preset \`nca\`` : code(value);
}

function code(value: unknown): string {
  return `\`${typeof value === "string" && value !== "" ? value : JSON.stringify(value)}\``;
}

/** Returns the page docs/configuration.md. */
export function configurationPage(): string {
  const keys = configurationKeys();
  const sections = [...new Set(keys.map(({ path }) => path.split(/[.[]/, 1).join()))];
  const single = sections.filter((name) => keys.filter(({ path }) => isIn(path, name)).length === 1);
  const tables = sections
    .filter((name) => !single.includes(name))
    .map((name) => {
      const [head, ...below] = keys.filter(({ path }) => isIn(path, name));
      return `## ${name}\n\n${head?.description ?? ""}\n\n${table(below)}`;
    });
  const top = table(keys.filter(({ path }) => single.includes(path)));
  return `${INTRODUCTION}\n\n## At the top\n\n${top}\n\n${tables.join("\n\n")}\n\n${ENVIRONMENT}\n`;
}

function isIn(path: string, section: string): boolean {
  return path === section || path.startsWith(`${section}.`) || path.startsWith(`${section}[]`);
}

function table(keys: readonly Key[]): string {
  const rows = keys.map((key) => {
    const variable = key.variable === null ? "" : ` Environment: \`${key.variable}\`.`;
    const cells = [`\`${key.path}\``, key.type, key.default ?? "", `${key.description}${variable}`];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  return ["| key | type | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

const INTRODUCTION = `# Configuration

This page is generated by \`npm run docs:config\` from the schema with which the program checks a configuration.

The file is \`.stuck-jobsrc.yaml\` (or \`.json\`, \`.js\`, \`.ts\`, or the key \`stuck-jobs\` in package.json) in the working
directory or above it, or the file that \`--config\` names. \`stuck-jobs init\` writes it from your base's schema, and
[examples/stuck-jobsrc.yaml](../examples/stuck-jobsrc.yaml) shows most keys. The file overrides the preset key by key; lists
are replaced as a whole. The defaults below are those of the preset \`nca\`. Unknown keys are errors.

A file that was found by searching is used only if it and its folder belong to you or root and nobody else may write to
them; a file that \`--config\` names is always used. \`stuck-jobs config show\` prints every value and where it comes from, and
\`stuck-jobs config validate\` checks a configuration offline, for example in CI.

Precedence: flag, environment, file, preset. Durations are \`90s\`, \`5m\`, \`1h\`, \`7d\`.

Editors can complete and check the file with \`schema/stuck-jobsrc.schema.json\` from the package. \`init\` writes the line
that names the schema; in JSON it is the key \`$schema\`:

\`\`\`yaml
# yaml-language-server: $schema=./node_modules/stuck-jobs/schema/stuck-jobsrc.schema.json
\`\`\``;

const ENVIRONMENT = `## Only in the environment

Every secret may also come from the file that \`NAME_FILE\` names, or from the systemd credential \`NAME\`.

| variable | default | meaning |
|---|---|---|
| \`AIRTABLE_API_KEY\`, or \`AIRTABLE_TOKEN\` | | The token. A secret. |
| \`STUCK_JOBS_DATABASE_URL\`, or \`DATABASE_URL\` | | The database of \`store: postgres\`, \`journal.postgres\` and \`fleet\`: \`postgres://user:password@host/db\`. A secret. |
| \`POLLING_ENABLED\` | \`true\` | With \`false\`, \`recover\` and \`fail-old\` do nothing, and say so. |
| \`POLLING_INTERVAL_MINUTES\` | \`2\` | The interval of the schedule; \`schedule\`, the deadline and \`doctor\` use it. |
| \`NCA_API_KEY\`, \`GOAPI_API_KEY\` | | Keys of the providers. Secrets. |
| \`NCA_S3_ACCESS_KEY\`, \`NCA_S3_SECRET_KEY\`, \`NCA_S3_REGION\` | | The storage's key, under NCA Toolkit's own names. Secrets. |
| \`STUCK_JOBS_WEBHOOK_SECRET\` | | The key that signs webhooks that are sent again. A secret. |
| \`HTTPS_PROXY\`, \`HTTP_PROXY\`, \`NO_PROXY\` | | Proxies for all requests, \`http://user:password@host:port\`; also in lower case. Requests to loopback never use a proxy. |
| \`NODE_EXTRA_CA_CERTS\` | | A file with the certificates of your own authorities, in PEM; Node reads it when it starts. |
| \`NO_COLOR\`, \`CI\` | | No colours; no progress line. |`;
