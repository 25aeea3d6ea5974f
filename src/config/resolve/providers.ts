import { isObject } from "../../core/domain/json.ts";
import type { Operation } from "../../core/domain/operation.ts";
import type { Environment } from "../env/environment.ts";
import type { Problem } from "../problems.ts";
import type { Config } from "../schema/config.ts";
import type { HttpProviderConfig } from "../schema/providers.ts";

/** The settings that every provider has. */
interface Shared {
  readonly name: string;
  /** Lower case; each with all hosts under it. */
  readonly outputHosts: readonly string[];
  readonly allowPrivate: boolean;
  readonly concurrency: number;
}

/** A configured provider, with its secrets. */
export type ProviderSettings =
  | (Shared & {
      readonly kind: "nca";
      readonly baseUrl: string;
      readonly apiKey: string;
      readonly sinceSeconds: number;
    })
  | (Shared & { readonly kind: "goapi"; readonly baseUrl: string; readonly apiKey: string })
  | (Shared & Omit<HttpProviderConfig, keyof Shared> & { readonly kind: "http" });

/** The API keys of the built-in providers; null where one is not set. */
export interface ProviderKeys {
  readonly nca: string | null;
  readonly goapi: string | null;
}

const DAY_SECONDS = 86_400;

export function readProviderKeys(environment: Environment, problems: Problem[]): ProviderKeys {
  return {
    nca: environment.secret("NCA_API_KEY", problems),
    goapi: environment.secret("GOAPI_API_KEY", problems),
  };
}

/**
 * Returns the providers that the environment configures, to override the file: NCA needs an address, so its key alone does
 * not turn it on; GoAPI has a default address. `null` in the file keeps a provider off, whatever the environment has.
 */
export function providersFromEnvironment(
  content: Readonly<Record<string, unknown>>,
  { ncaBaseUrl, goapiBaseUrl }: Environment,
  keys: ProviderKeys,
): Readonly<Record<string, unknown>> {
  const inFile = isObject(content.providers) ? content.providers : {};
  return {
    ...(ncaBaseUrl === null || inFile.nca === null ? {} : { nca: { baseUrl: ncaBaseUrl } }),
    ...((keys.goapi === null && goapiBaseUrl === null) || inFile.goapi === null
      ? {}
      : { goapi: goapiBaseUrl === null ? {} : { baseUrl: goapiBaseUrl } }),
  };
}

/** Resolves the providers of a checked configuration. Adds missing keys and variables to `problems`. */
export function resolveProviders(
  config: Config["providers"],
  operations: readonly Operation[],
  environment: Environment,
  keys: ProviderKeys,
  problems: Problem[],
): { readonly providers: readonly ProviderSettings[]; readonly secrets: readonly string[] } {
  const { nca, goapi, ...described } = config;
  const providers: ProviderSettings[] = [];
  const secrets: string[] = [];
  const keyed = (name: "nca" | "goapi", variable: string): string => {
    const key = keys[name];
    if (key === null) problems.push({ path: `providers.${name}`, message: `no key; set ${variable}` });
    else secrets.push(key);
    return key ?? "";
  };
  if (nca !== undefined) {
    const longest = Math.max(0, ...operations.map(({ thresholds }) => thresholds.providerCap / 1000));
    const sinceSeconds = nca.sinceSeconds ?? Math.ceil(Math.max(DAY_SECONDS, longest));
    providers.push({ ...nca, kind: "nca", name: "nca", apiKey: keyed("nca", "NCA_API_KEY"), sinceSeconds });
  }
  if (goapi !== undefined) {
    providers.push({ ...goapi, kind: "goapi", name: "goapi", apiKey: keyed("goapi", "GOAPI_API_KEY") });
  }
  for (const [name, provider] of Object.entries(described)) {
    const headers: Record<string, string> = {};
    for (const [header, template] of Object.entries(provider.headers)) {
      const path = `providers.${name}.headers.${header}`;
      headers[header] = fillHeader(template, path, environment, problems, secrets);
    }
    if (provider.basicAuth !== undefined) {
      const fill = (key: "user" | "password") =>
        fillHeader(
          provider.basicAuth?.[key] ?? "",
          `providers.${name}.basicAuth.${key}`,
          environment,
          problems,
          secrets,
        );
      const encoded = Buffer.from(`${fill("user")}:${fill("password")}`).toString("base64");
      secrets.push(encoded);
      headers.authorization = `Basic ${encoded}`;
    }
    providers.push({ ...provider, kind: "http", name, headers });
  }
  return { providers, secrets };
}

/**
 * Returns the operations with their configured providers. The preset names `nca` whether or not it is configured; where it
 * is not, it is not asked. An operation that needs a provider that is not configured, and an unknown name, are problems.
 */
export function withKnownProviders(
  operations: readonly Operation[],
  providers: readonly ProviderSettings[],
  problems: Problem[],
): readonly Operation[] {
  const known = providers.map(({ name }) => name);
  return operations.map((operation) => {
    const { name, provider, outputs } = operation;
    if (provider === null || known.includes(provider)) return operation;
    const isBuiltIn = provider === "nca" || provider === "goapi";
    if (!isBuiltIn || outputs.length === 0) {
      const allowed = known.length === 0 ? "none is configured" : `configured: ${known.join(", ")}`;
      problems.push({ path: `operations.${name}.provider`, message: `found "${provider}"; ${allowed}` });
    }
    return { ...operation, provider: null };
  });
}

/** Replaces `${NAME}` in a header by the variable of the environment. */
function fillHeader(
  template: string,
  path: string,
  environment: Environment,
  problems: Problem[],
  secrets: string[],
): string {
  const value = template.replace(/\$\{([^}]*)\}?/g, (placeholder, name: string) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || !placeholder.endsWith("}")) {
      problems.push({ path, message: `found "${placeholder}"; expected \${NAME}` });
      return "";
    }
    const secret = environment.secret(name, problems);
    if (secret === null) problems.push({ path, message: `${name} is not set in the environment` });
    else secrets.push(secret);
    return secret ?? "";
  });
  // Node accepts Latin-1 without control characters, and throws for the rest when the request is sent.
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
    problems.push({ path, message: "holds a character no header may have" });
  return value;
}
