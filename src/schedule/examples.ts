import { intervalOf } from "./interval.ts";
import { type RenderedFile, TARGETS } from "./schedule.ts";
import { RENDERERS } from "./targets.ts";

/** The default of POLLING_INTERVAL_MINUTES. */
const DEFAULT_EVERY = 120_000;

/** Renders the files of examples/: those of each scheduler for the default configuration, in a folder of its name. */
export function renderExamples(): readonly RenderedFile[] {
  const every = intervalOf(DEFAULT_EVERY);
  if (every === null) throw new Error("cron cannot keep the default interval");
  return TARGETS.flatMap((target) =>
    RENDERERS[target]({ every, config: null, folders: [] }).map(({ path, content }) => ({
      path: `${target}/${path}`,
      content,
    })),
  );
}
