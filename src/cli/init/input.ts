import { ConfigError, type Problem } from "../../config/problems.ts";
import { suggestSpelling } from "../../config/suggest.ts";
import type { Clock } from "../../core/ports/ports.ts";
import type { JobsTable } from "../../init/jobs-table.ts";
import type { Plan } from "../../init/render-config.ts";
import type { InitSource } from "../../init/source.ts";
import type { Prompter } from "../terminal/prompts.ts";

/** What the flags say of the base, each null where it is to be found out. */
export interface Answers {
  readonly table: string | null;
  readonly preset: string | null;
  readonly status: string | null;
  readonly externalId: string | null;
  readonly startedAt: string | null;
  readonly stuck: readonly string[] | null;
  readonly completed: string | null;
  readonly failed: string | null;
  readonly operation: string | null;
  readonly pattern: string | null;
  /** A table, `self` or `none`. */
  readonly target: string | null;
  readonly deliver: string | null;
  /** A prefix, or the URL of one output. */
  readonly storage: string | null;
  readonly storages: ReadonlyMap<string, string>;
  /** STUCK_JOBS_STORAGE_URL, by which a run will go. */
  readonly runStorage: string | null;
}

/** The sources of a plan. */
export interface PlanInput {
  readonly source: InitSource;
  readonly baseId: string;
  readonly answers: Answers;
  readonly interview: Prompter;
  readonly say: (text: string) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A plan, and the URL of an output that it was learned from. */
export interface Planned {
  readonly plan: Plan;
  readonly example: string | null;
}

/** The jobs' table with its statuses known. */
export type KnownJobs = JobsTable & { readonly statuses: Plan["statuses"] };

/**
 * Finds what a flag names, by name or id.
 *
 * @throws ConfigError with the names that there are
 */
export function findNamed<T extends { readonly id: string; readonly name: string }>(
  all: readonly T[],
  named: string,
  flag: string,
): T {
  const found = all.find((each) => each.name === named || each.id === named);
  if (found !== undefined) return found;
  const names = all.map(({ name }) => name);
  const guess = suggestSpelling(named, names);
  const suggestion = guess === null ? "" : ` Did you mean ${guess}?`;
  const expected = names.length === 0 ? "there is none that can be named here" : `expected one of ${names.join(", ")}`;
  throw new ConfigError([{ path: flag, message: `found "${named}"; ${expected}.${suggestion}` }]);
}

/** Collects the flags that are missing, so that all are named at once. */
export async function orProblem<T>(ask: () => Promise<T>, otherwise: T, problems: Problem[]): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    return otherwise;
  }
}
