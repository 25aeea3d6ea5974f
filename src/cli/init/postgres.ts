import { ConfigError } from "../../config/problems.ts";
import { openDatabase } from "../../database/connection.ts";
import type { DatabaseAddress } from "../../database/database-url.ts";
import { DEFAULT_LIMITS } from "../../database/limits.ts";
import { createPostgresSource, type PostgresSource } from "../../init/postgres-source.ts";
import type { Plan } from "../../init/render-config.ts";
import { systemClock } from "../../system/clock.ts";
import type { PlanInput, Planned } from "./input.ts";
import { buildPlan } from "./plan.ts";

/**
 * Plans a configuration over the tables of a database.
 *
 * @throws UpstreamError, ConfigError for what cannot be found out, InterviewEnded
 */
export async function planDatabase(
  address: DatabaseAddress,
  input: Pick<PlanInput, "answers" | "interview" | "say" | "clock" | "signal">,
): Promise<Planned> {
  const database = openDatabase({ address, limits: DEFAULT_LIMITS, clock: systemClock, random: Math.random });
  try {
    const source = createPostgresSource(database);
    // What is wrong with the connection is said before anything else is looked for.
    await source.tables(input.signal);
    const answers = { ...input.answers, preset: "none" };
    const { plan, example } = await buildPlan({ ...input, source, baseId: "", answers });
    return { plan: await withColumns(plan, source, input), example };
  } finally {
    await database.close();
  }
}

/** Adds what only a database needs: the column that names a job, and the one that says when it began. */
async function withColumns(
  plan: Plan,
  source: PostgresSource,
  { interview, say }: Pick<PlanInput, "interview" | "say">,
): Promise<Plan> {
  const id = source.keyOf(plan.table);
  if (id === null) {
    const message = `the table ${plan.table} has no column that names one row; expected a primary key of one column, or another unique one`;
    throw new ConfigError([{ path: "--table", message }]);
  }
  const dates = source.dateColumns(plan.table);
  const [likeliest] = dates;
  const startedAt =
    plan.fields.startedAt ??
    likeliest ??
    (await interview.choice("Which column says when a job began?", dates, null, "--started-at"));
  if (plan.fields.startedAt === null) say(`A job's age counts from ${startedAt} (--started-at names another column).`);
  const keys = [...plan.operations.values()].flatMap(({ target }) => {
    if (typeof target === "string") return [];
    const [from] = target.links ?? [];
    const key = (from === undefined ? null : source.referencedKey(plan.table, from)) ?? source.keyOf(target.table);
    return key === null ? [] : [[from ?? target.table, key] as const];
  });
  return { ...plan, fields: { ...plan.fields, startedAt }, database: { id, keys: new Map(keys) } };
}
