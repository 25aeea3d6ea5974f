import { isDeepStrictEqual } from "node:util";
import { isObject } from "../../core/domain/json.ts";
import type { Environment } from "../env/environment.ts";
import type { ConfigFile } from "../file/read-config-file.ts";
import { ConfigError, type Problem } from "../problems.ts";
import { basesSchema } from "../schema/config.ts";
import { problemsOf } from "../schema/issues.ts";
import type { Overrides, Settings } from "../settings.ts";
import { suggestSpelling } from "../suggest.ts";
import { hint, resolveSettings } from "./resolve.ts";

/**
 * Returns the settings of each base of a list: the rest of the file with the overrides of the base.
 *
 * @throws ConfigError with all problems at once; those of one base alone are under `bases[n]`
 */
export function resolveBases(file: ConfigFile, environment: Environment, overrides: Overrides): readonly Settings[] {
  const { bases: list, ...rest } = isObject(file.content) ? file.content : {};
  const problems: Problem[] = [...problemsOfList(list, rest), ...problemsAtTheTop(rest)];
  const items = Array.isArray(list) ? list.filter(isObject) : [];
  const shared: ConfigFile = { path: file.path, content: rest };
  const resolve = shareResults((override) => tryResolve({ ...shared, override }, environment, overrides));
  const resolved = items.map((item) => {
    const { baseId, name, ...override } = item;
    const id = typeof baseId === "string" ? baseId : isPostgres(item, rest) ? String(name ?? "") : "";
    return { id, name: typeof name === "string" ? name : id, ...resolve(override) };
  });
  problems.push(
    ...attributeProblems(
      resolved.map(({ problems }) => problems),
      shared,
      environment,
      overrides,
    ),
  );
  if (problems.length > 0) throw new ConfigError(problems, hint(file));
  const all = resolved.map(({ id }) => id);
  return resolved.flatMap(({ id, name, settings }) =>
    settings === null ? [] : [{ ...settings, store: { ...settings.store, baseId: id }, base: { id, name, all } }],
  );
}

/**
 * Returns the requested bases, by name or id: those of the flag, else of the environment, else all.
 *
 * @throws ConfigError where no base has the name
 */
export function selectBases(
  bases: readonly Settings[],
  named: readonly string[] | null,
  { baseId }: Pick<Environment, "baseId">,
): readonly Settings[] {
  const wanted = named ?? (baseId === null ? null : [baseId]);
  if (wanted === null) return bases;
  const path = named === null ? "AIRTABLE_BASE_ID" : "--base";
  const problems = wanted
    .filter((name) => !bases.some((settings) => isCalled(settings, name)))
    .map((name) => ({ path, message: `found "${name}"; allowed: ${listed(bases)}.${guess(name, bases)}` }));
  if (problems.length > 0) throw new ConfigError(problems);
  return bases.filter((settings) => wanted.some((name) => isCalled(settings, name)));
}

/** Returns the configuration of each base of a file, by name, unchecked; of a file without a list the file itself. */
export function listConfigs(file: ConfigFile): readonly { readonly name: string | null; readonly file: ConfigFile }[] {
  const { bases, ...rest } = isObject(file.content) ? file.content : {};
  if (!Array.isArray(bases)) return [{ name: null, file }];
  return bases.filter(isObject).map(({ baseId, name, ...override }) => {
    const airtable = { ...(isObject(override.airtable) ? override.airtable : {}), baseId };
    return {
      name: String(name ?? baseId),
      file: { path: file.path, content: rest, override: baseId === undefined ? override : { ...override, airtable } },
    };
  });
}

/** Formats the bases for a message: names and ids. */
export function listed(bases: readonly Settings[]): string {
  return bases.map(({ base }) => (base?.name === base?.id ? base?.id : `${base?.name} (${base?.id})`)).join(", ");
}

function isCalled({ base }: Settings, name: string): boolean {
  return base?.name === name || base?.id === name;
}

function guess(name: string, bases: readonly Settings[]): string {
  const found = suggestSpelling(
    name,
    bases.flatMap(({ base }) => (base === null ? [] : [base.name])),
  );
  return found === null ? "" : ` Did you mean ${found}?`;
}

/** Returns the problems of the list itself: its form, and names that occur twice. */
function problemsOfList(list: unknown, shared: Readonly<Record<string, unknown>>): readonly Problem[] {
  const checked = basesSchema.safeParse({ bases: list });
  const problems = checked.success ? [] : problemsOf(checked.error, { bases: list }, basesSchema).map(indexed);
  const items = Array.isArray(list) ? list.map((item) => (isObject(item) ? item : {})) : [];
  const owners = new Map<unknown, string>();
  const doubles = items.flatMap(({ baseId, name }, n) =>
    Object.entries({ baseId, name }).flatMap(([key, value]): readonly Problem[] => {
      const path = `bases[${n}].${key}`;
      const owner = owners.get(value);
      if (value !== undefined && owner === undefined) owners.set(value, path);
      if (value === undefined || owner === undefined || owner === `bases[${n}].baseId`) return [];
      return [{ path, message: `found "${value}", which is ${owner} already` }];
    }),
  );
  const unnamed = items.flatMap((item, n) => {
    const [key, expected] = isPostgres(item, shared) ? ["name", "a name"] : ["baseId", "an Airtable base id: app…"];
    return Array.isArray(list) && isObject(list[n]) && item[key] === undefined
      ? [{ path: `bases[${n}].${key}`, message: `missing; expected ${expected}` }]
      : [];
  });
  return [...problems, ...unnamed, ...doubles, ...items.flatMap(misplacedIn)];
}

/** Whether a base of the list is in PostgreSQL, by its own key or by that of the file. */
function isPostgres(item: Readonly<Record<string, unknown>>, shared: Readonly<Record<string, unknown>>): boolean {
  return (item.store ?? shared.store) === "postgres";
}

/** Returns keys that no single base can have. */
function misplacedIn(item: Readonly<Record<string, unknown>>, n: number): readonly Problem[] {
  const { airtable, monitoring } = item;
  const wrong: readonly (readonly [boolean, string, string])[] = [
    [isObject(airtable) && "baseId" in airtable, "airtable.baseId", `belongs next to name: bases[${n}].baseId`],
    [
      isObject(monitoring) && "pingUrl" in monitoring,
      "monitoring.pingUrl",
      "is one for the whole run: it belongs at the top",
    ],
    ["bases" in item, "bases", "a base holds no further ones"],
    ["accounts" in item, "accounts", "belongs at the top"],
    ["fleet" in item, "fleet", "belongs at the top"],
    ["$schema" in item, "$schema", "belongs at the top"],
  ];
  return wrong.flatMap(([isThere, path, message]) => (isThere ? [{ path: `bases[${n}].${path}`, message }] : []));
}

function problemsAtTheTop({ airtable }: Readonly<Record<string, unknown>>): readonly Problem[] {
  if (!isObject(airtable) || !("baseId" in airtable)) return [];
  return [
    {
      path: "airtable.baseId",
      message: "cannot be combined with bases, each of which has its own; remove one of the two",
    },
  ];
}

interface Attempt {
  readonly settings: Settings | null;
  readonly problems: readonly Problem[];
}

type Override = Readonly<Record<string, unknown>>;

/** Resolves each override once: a list may have a thousand bases, most of which override the same or nothing. */
function shareResults(resolve: (override: Override) => Attempt): (override: Override) => Attempt {
  const known = new Map<string, { readonly override: Override; readonly attempt: Attempt }>();
  return (override) => {
    const key = JSON.stringify(override, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
    const found = known.get(key);
    // JSON has one text for null and Infinity, say, of which one is valid.
    if (found !== undefined && isDeepStrictEqual(found.override, override)) return found.attempt;
    const attempt = resolve(override);
    known.set(key, { override, attempt });
    return attempt;
  };
}

/** Resolves what a base has apart from its id, for which a stand-in is used: its errors are reported with the list. */
function tryResolve(file: ConfigFile, environment: Environment, overrides: Overrides): Attempt {
  const { override = {}, ...rest } = file;
  const { bases: _, $schema: __, ...ownKeys } = override;
  try {
    const settings = resolveSettings({ ...rest, override: ownKeys }, { ...environment, baseId: "appNone" }, overrides);
    return { settings, problems: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { settings: null, problems: error.problems };
  }
}

/**
 * Attributes each problem to its place: those of the shared part of the file are reported once, others under their base.
 * What the shared part lacks, each base may have: it is missing in that base, unless all lack it.
 */
function attributeProblems(
  perBase: readonly (readonly Problem[])[],
  shared: ConfigFile,
  environment: Environment,
  overrides: Overrides,
): readonly Problem[] {
  if (perBase.every((problems) => problems.length === 0)) return [];
  const sharedProblems = tryResolve(shared, environment, overrides).problems;
  const isShared = (problem: Problem) =>
    sharedProblems.some((each) => isSame(each, problem)) &&
    (isAt(shared.content, problem.path) || perBase.every((problems) => problems.some((each) => isSame(each, problem))));
  return [
    ...sharedProblems.filter(
      (each) => isShared(each) && perBase.some((problems) => problems.some((other) => isSame(each, other))),
    ),
    ...perBase.flatMap((problems, n) =>
      problems
        .filter((problem) => !isShared(problem))
        .map(({ path, message }) => ({ path: `bases[${n}]${path === "" ? "" : `.${path}`}`, message })),
    ),
  ];
}

function isSame(one: Problem, other: Problem): boolean {
  return one.path === other.path && one.message === other.message;
}

function isAt(content: unknown, path: string): boolean {
  return (
    path
      .split(".")
      .reduce<unknown>(
        (value, key) => (isObject(value) || Array.isArray(value) ? Reflect.get(value, key) : undefined),
        content,
      ) !== undefined
  );
}

/** Writes the index of a path as in the file: "bases[3].name" for "bases.3.name". */
function indexed({ path, message }: Problem): Problem {
  return { path: path.replace(/^bases\.(\d+)/, "bases[$1]"), message };
}
