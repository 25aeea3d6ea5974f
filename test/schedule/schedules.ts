import { isAbsolute, relative } from "node:path";
import type { Duration } from "../../src/core/domain/job.ts";
import { intervalOf } from "../../src/schedule/interval.ts";
import type { Schedule, Target } from "../../src/schedule/schedule.ts";
import { RENDERERS } from "../../src/schedule/targets.ts";

export const MINUTE: Duration = 60_000;

/** A schedule of every two minutes, without a configuration file. */
export function scheduleOf({ every = 2 * MINUTE, config = null, folders = [] }: Partial<Asked> = {}): Schedule {
  const interval = intervalOf(every);
  if (interval === null) throw new Error(`cron cannot keep ${every} ms`);
  if (config !== null && !isAbsolute(config)) throw new Error(`${config} is not absolute`);
  const path = config === null ? null : { absolute: config, relative: relative("/", config) };
  return { every: interval, config: path, folders };
}

/** The text of one of a scheduler's files. */
export function rendered(target: Target, path: string, asked: Partial<Asked> = {}): string {
  const file = RENDERERS[target](scheduleOf(asked)).find((each) => each.path === path);
  if (file === undefined) throw new Error(`${target} has no ${path}`);
  return file.content;
}

interface Asked {
  readonly every: Duration;
  readonly config: string | null;
  readonly folders: readonly string[];
}

/** The instructions of a Dockerfile, continued lines joined. */
export function instructions(text: string): readonly { readonly word: string; readonly rest: string }[] {
  return text
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ word: line.split(" ", 1).join(), rest: line.slice(line.indexOf(" ") + 1) }));
}

export function valuesOf(lines: ReturnType<typeof instructions>, wanted: string): readonly string[] {
  return lines.filter(({ word }) => word === wanted).map(({ rest }) => rest);
}
