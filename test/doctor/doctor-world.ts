import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import * as z from "zod";
import { exitCodeOfChecks } from "../../src/cli/exit-codes.ts";
import { renderDiagnosesJson } from "../../src/cli/render/doctor.ts";
import { diagnose } from "../../src/cli/run/doctor/diagnose.ts";
import { findConfiguration } from "../../src/cli/settings/find-configuration.ts";
import type { Settings } from "../../src/config/settings.ts";
import type { Field } from "../../src/sandbox/airtable/schema.ts";
import { folder } from "../e2e/cli.ts";
import { openWorld, realSchema, type World, type WorldOptions } from "../e2e/world.ts";

const check = z.strictObject({
  id: z.string(),
  level: z.enum(["pass", "warn", "fail"]),
  title: z.string(),
  detail: z.string(),
  next: z.string().nullable(),
});

const document = z.strictObject({
  schema: z.literal("stuck-jobs/doctor@1"),
  version: z.string(),
  checks: z.array(check),
  worst: z.enum(["pass", "warn", "fail"]),
  requests: z.strictObject({ airtable: z.int(), storage: z.int(), provider: z.int() }),
});

export type Check = z.output<typeof check>;

/** What doctor prints with `-o json`, shape and all. */
export function diagnosisIn(stdout: string): z.output<typeof document> {
  const diagnosis = document.parse(JSON.parse(stdout));
  for (const { level, next } of diagnosis.checks) expect(next === null).toBe(level === "pass");
  return diagnosis;
}

export interface Examined extends z.output<typeof document> {
  readonly code: number;
  /** Those that did not pass, as `level title: detail → next`. */
  readonly complaints: readonly string[];
  of(id: string): readonly Check[];
}

export interface Case {
  /** A configuration file, as YAML. */
  readonly yaml?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Runs doctor over HTTP in this process, and sees to it that it asks and never writes. */
export async function examined(world: World, { yaml = "{}", env = {} }: Case = {}): Promise<Examined> {
  const config = join(folder(), "stuck-jobs.yaml");
  writeFileSync(config, yaml);
  const before = world.requests.length;
  const [found] = await findConfiguration({ ...world.env, ...env }, { file: config, bases: null }, null);
  if (found === undefined) throw new Error("no configuration was found");
  const diagnosed = await diagnose(
    { ...found, settings: found.settings === null ? null : hurried(found.settings) },
    { ...world.env, ...env },
  );
  const asked = world.requests.slice(before);
  expect(asked.filter(({ method }) => method !== "GET")).toEqual([]);
  const diagnosis = diagnosisIn(renderDiagnosesJson([{ ...diagnosed, base: null }], (value) => JSON.stringify(value)));
  return {
    ...diagnosis,
    code: exitCodeOfChecks(diagnosed.findings),
    complaints: diagnosis.checks
      // The world's storage is on this machine.
      .filter(({ id, level }) => level !== "pass" && id !== "storage.address")
      .map(({ level, title, detail, next }) => `${level} ${title}: ${detail} → ${next}`),
    of: (id) => diagnosis.checks.filter((each) => each.id === id),
  };
}

/** The same of a new world. */
export async function examinedWorld(options: WorldOptions & Case = {}): Promise<Examined> {
  return await examined(await openWorld(options), options);
}

/** The real schema in which one field is changed; null takes it out. */
export function withField(table: string, name: string, change: Partial<Field> | null) {
  const schema = realSchema();
  for (const each of schema.tables) {
    if (each.name !== table) continue;
    each.fields = each.fields.flatMap((field) =>
      field.name !== name ? [field] : change === null ? [] : [{ ...field, ...change }],
    );
  }
  return schema;
}

/** The world has no rate limit, and the test no time. */
function hurried(settings: Settings): Settings {
  const { store } = settings;
  return { ...settings, store: store.kind === "airtable" ? { ...store, requestsPerSecond: 1_000 } : store };
}
