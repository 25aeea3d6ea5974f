import type { Problem } from "../config/problems.ts";
import type { Settings } from "../config/settings.ts";
import { type CheckResult, fail, pass, warn } from "./check-result.ts";
import { NEW_TOKEN } from "./token.ts";

/** The configuration as it was found. */
export interface Found {
  /** The file; null where there is none. */
  readonly path: string | null;
  /** Whether the sandbox's own configuration stands in for a file. */
  readonly isSandbox: boolean;
  /** All problems of file and environment. */
  readonly problems: readonly Problem[];
  /** Null where the problems leave no usable settings. */
  readonly settings: Settings | null;
  /** POLLING_ENABLED. */
  readonly enabled: boolean;
}

/** Reports where the configuration was found, and all its problems. */
export function checkConfiguration({ path, isSandbox, problems, settings, enabled }: Found): readonly CheckResult[] {
  const where = path ?? (isSandbox ? "the sandbox's own" : "no file: the preset nca and the environment");
  const wrong = problems.map((problem) =>
    fail("configuration", "configuration", problem.path || "configuration", problem.message, remedyFor(problem, path)),
  );
  const names = settings?.operations.map(({ name }) => name) ?? [];
  const isEmpty = settings !== null && names.length === 0;
  const fine =
    wrong.length > 0 || isEmpty ? [] : [pass("configuration", "configuration", `${where}; ${listed(names)}`)];
  return [...fine, ...wrong, ...(isEmpty ? [NO_OPERATION] : []), ...(enabled ? [] : [DISABLED])];
}

const NO_OPERATION = fail(
  "configuration",
  "configuration",
  "operations",
  "no operation is configured, so nothing would be recovered or failed",
  "Run stuck-jobs init, which proposes operations from the base and its jobs.",
);

const DISABLED = warn(
  "configuration.enabled",
  "POLLING_ENABLED",
  "false: recover and fail-old do nothing",
  "Remove POLLING_ENABLED from the environment to recover jobs.",
);

function listed(names: readonly string[]): string {
  return `operation${names.length === 1 ? "" : "s"} ${names.join(", ")}`;
}

/** Whether a path names a variable of the environment: those are in capitals, keys of the file never are. */
function remedyFor({ path }: Problem, file: string | null): string {
  if (path === "AIRTABLE_API_KEY") return NEW_TOKEN;
  if (path === "airtable.baseId") {
    return "Set AIRTABLE_BASE_ID to the part of the base's address in the browser that begins with app.";
  }
  if (/^[A-Z][A-Z0-9_]+$/.test(path)) return `Correct the environment variable ${path}.`;
  if (file === null) return "Correct it, or start over with stuck-jobs init.";
  return `Correct it in ${file}; docs/configuration.md has every key.`;
}
