import { isObject } from "../../core/domain/json.ts";
import type { Environment } from "../env/environment.ts";
import type { ConfigFile } from "../file/read-config-file.ts";
import type { Settings } from "../settings.ts";
import { resolveBases } from "./bases.ts";
import { resolveSettings } from "./resolve.ts";

/** A valid configuration, and the variables that a run needs beside it and that are not set here. */
export interface Validation {
  readonly bases: readonly Settings[];
  readonly missing: readonly string[];
}

/**
 * Checks a configuration without its secrets, as in CI: a token, a base id, a key or a database that is not set is
 * reported, and is no error. Sends no request.
 *
 * @throws ConfigError with everything else that is wrong
 */
export function validateConfig(file: ConfigFile, environment: Environment): Validation {
  const missing = new Set<string>();
  const complete = withStandIns(file, environment, missing);
  const overrides = { monitoring: { flagsOnly: false } };
  const isList = isObject(file.content) && "bases" in file.content;
  const bases = isList ? resolveBases(file, complete, overrides) : [resolveSettings(file, complete, overrides)];
  const { token, baseId, databaseUrl } = environment;
  const isUsed: Readonly<Record<string, boolean>> = {
    AIRTABLE_API_KEY: token === null && bases.some(({ store }) => store.kind === "airtable" && store.account === null),
    AIRTABLE_BASE_ID: baseId === null && bases.some(({ store }) => store.baseId === STAND_INS.baseId),
    STUCK_JOBS_DATABASE_URL:
      databaseUrl === null && bases.some(({ store, fleet }) => store.kind === "postgres" || fleet !== null),
    NCA_API_KEY:
      missing.has("NCA_API_KEY") && bases.some(({ providers }) => providers.some(({ kind }) => kind === "nca")),
  };
  const names = [...Object.keys(isUsed).filter((name) => isUsed[name]), ...missing].filter(
    (name) => isUsed[name] ?? true,
  );
  return { bases, missing: [...new Set(names)] };
}

const STAND_INS = { token: "none", baseId: "appNone", databaseUrl: "postgres://none@none/none" };

/** Secrets that nothing needs: what would stand in for them would turn something on. */
const OPTIONAL = /^STUCK_JOBS_(PING|NOTIFY)_URL$|_(SESSION_TOKEN|REGION)$/;

/** Returns an environment in which every secret that may be needed is set. `missing` receives those that are not. */
function withStandIns({ content }: ConfigFile, environment: Environment, missing: Set<string>): Environment {
  const providers = isObject(content) && isObject(content.providers) ? content.providers : {};
  const { own } = environment.storageKeys;
  const hasKey = own.accessKeyId !== null || own.secretAccessKey !== null || own.problems.length > 0;
  return {
    ...environment,
    token: environment.token ?? STAND_INS.token,
    baseId: environment.baseId ?? configuredBase(content) ?? STAND_INS.baseId,
    databaseUrl: environment.databaseUrl ?? STAND_INS.databaseUrl,
    storageKeys: {
      ...environment.storageKeys,
      own: hasKey ? own : { ...own, accessKeyId: "none", secretAccessKey: "none" },
    },
    secret(name, problems) {
      const found = environment.secret(name, problems);
      const isOff = name === "GOAPI_API_KEY" && !isObject(providers.goapi);
      if (found !== null || isOff || OPTIONAL.test(name)) return found;
      missing.add(name);
      return "none";
    },
    secretFile(path, key) {
      const found = environment.secretFile(path, key, []);
      if (found === null) missing.add(path);
      return found ?? "none";
    },
  };
}

function configuredBase(content: unknown): string | null {
  const airtable = isObject(content) && isObject(content.airtable) ? content.airtable : {};
  return typeof airtable.baseId === "string" ? airtable.baseId : null;
}
