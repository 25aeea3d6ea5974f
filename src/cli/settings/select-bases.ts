import type { Environment } from "../../config/env/environment.ts";
import type { ConfigFile } from "../../config/file/read-config-file.ts";
import { ConfigError } from "../../config/problems.ts";
import { resolveBases, selectBases } from "../../config/resolve/bases.ts";
import { resolveSettings } from "../../config/resolve/resolve.ts";
import type { Overrides, Settings } from "../../config/settings.ts";
import { isObject } from "../../core/domain/json.ts";

/** The bases to work on. `many`: a list of them, whose reports come as one; else it is the first, alone. */
export interface Configured {
  readonly bases: readonly [Settings, ...Settings[]];
  readonly isList: boolean;
}

/**
 * Settles the base of a file, or those of its list that are asked for. One that is asked for by name is a base like any
 * other; the list is the list, however long.
 *
 * @param named of `--base`; null where it was not given
 * @throws ConfigError with everything that is wrong
 */
export function resolveConfigured(
  file: ConfigFile,
  environment: Environment,
  named: readonly string[] | null,
  overrides: Overrides,
): Configured {
  if (!listsBases(file)) {
    return { bases: [resolveSettings(file, withBase(environment, named), overrides)], isList: false };
  }
  const [first, ...more] = selectBases(resolveBases(file, environment, overrides), named, environment);
  if (first === undefined) throw new Error("a list of bases cannot be empty");
  const isPicked = named !== null || environment.baseId !== null;
  return { bases: [first, ...more], isList: !isPicked || more.length > 0 };
}

/** Whether a file lists several bases. */
export function listsBases({ content }: ConfigFile): boolean {
  return isObject(content) && "bases" in content;
}

/**
 * The base of a command that is about one.
 *
 * @throws ConfigError where it is not told which
 */
export function requireSingleBase({ bases: [only, ...others] }: Configured): Settings {
  if (others.length === 0) return only;
  const names = [only, ...others].map(({ base }) => base?.name).join(", ");
  const message = `this is about one base, and ${others.length + 1} are configured; pick one of ${names}`;
  throw new ConfigError([{ path: "--base", message }]);
}

/** Where the configuration has one base the flag takes its place, as the environment would. */
function withBase(environment: Environment, named: readonly string[] | null): Environment {
  if (named === null) return environment;
  const [baseId, ...more] = named;
  if (baseId !== undefined && more.length === 0 && /^app[A-Za-z0-9]+$/.test(baseId)) return { ...environment, baseId };
  const message = `found "${named.join(" ")}"; the configuration has no list of bases, so expected the id of one: app…`;
  throw new ConfigError([{ path: "--base", message }]);
}
