import type { Report } from "../../core/domain/report.ts";
import type { TypicalDurations } from "../learned-durations.ts";
import { formatDuration } from "../terminal/format.ts";
import { plain } from "./text.ts";

/** A line for each operation of which it is known how long its jobs usually take, beside how old the stuck ones are. */
export function usualLines({ entries }: Report, usual: TypicalDurations): readonly string[] {
  return [...usual].flatMap(([operation, { p50 }]) => {
    const ages = entries.flatMap((entry) => (entry.operation === operation && entry.age !== null ? [entry.age] : []));
    if (ages.length === 0) return [];
    const [least, most] = [ages.reduce((a, b) => Math.min(a, b)), ages.reduce((a, b) => Math.max(a, b))].map(
      formatDuration,
    );
    return [
      `${plain(operation)}: usually ${formatDuration(p50)}, now ${least === most ? most : `${least} to ${most}`}`,
    ];
  });
}
