import type { Environment } from "../../config/env/environment.ts";
import type { ConfigFile } from "../../config/file/read-config-file.ts";
import { ConfigError } from "../../config/problems.ts";
import { resolveBases, selectBases } from "../../config/resolve/bases.ts";
import { resolveSettings } from "../../config/resolve/resolve.ts";
import type { Overrides, Settings } from "../../config/settings.ts";
import { isObject } from "../../core/domain/json.ts";

/** The bases of a run. `isList`: the reports are combined; else there is one base. */
export interface Configured {
  readonly bases: readonly [Settings, ...Settings[]];
  readonly isList: boolean;
}

/**
 * Resolves the base of a file, or the requested bases of its list. One base requested by name gets a report of its own;
 * the whole list gets a combined one, however long it is.
 *
 * @param named the values of `--base`; null without it
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

/** Returns whether a file lists several bases. */
export function listsBases({ content }: ConfigFile): boolean {
  return isObject(content) && "bases" in content;
}

/**
 * Returns the base of a command that works on one.
 *
 * @throws ConfigError where several are configured and none is named
 */
export function requireSingleBase({ bases: [only, ...others] }: Configured): Settings {
  if (others.length === 0) return only;
  const names = [only, ...others].map(({ base }) => base?.name).join(", ");
  const message = `found ${others.length + 1} configured bases; expected one of ${names}`;
  throw new ConfigError([{ path: "--base", message }]);
}

/**
 * Checks that there is something to sweep: without operations every job would be skipped, as if nothing were wrong.
 *
 * @throws ConfigError naming `stuck-jobs init`
 */
export function requireOperations({ bases }: Configured): void {
  const empty = bases.filter(({ operations }) => operations.length === 0);
  const problems = empty.map(({ base }) => ({
    path: base === null ? "operations" : `bases.${base.name}.operations`,
    message: "no operation is configured; stuck-jobs init learns them from the base and its completed jobs",
  }));
  if (problems.length > 0) throw new ConfigError(problems);
}

/** Applies --base to a configuration of one base, as the environment variable would. */
function withBase(environment: Environment, named: readonly string[] | null): Environment {
  if (named === null) return environment;
  const [baseId, ...more] = named;
  if (baseId !== undefined && more.length === 0 && /^app[A-Za-z0-9]+$/.test(baseId)) return { ...environment, baseId };
  const message = `found "${named.join(" ")}"; the configuration has no list of bases; expected a base id: app…`;
  throw new ConfigError([{ path: "--base", message }]);
}
