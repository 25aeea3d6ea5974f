import type { Duration } from "../../core/job.ts";
import type { Report } from "../../core/report.ts";
import { inWords } from "../words.ts";
import { plain } from "./plain.ts";

/** A line for each operation of which it is known how long its jobs usually take, beside how old the stuck ones are. */
export function usualLines({ entries }: Report, usual: ReadonlyMap<string, Duration>): readonly string[] {
  return [...usual].flatMap(([operation, duration]) => {
    const ages = entries.flatMap((entry) => (entry.operation === operation && entry.age !== null ? [entry.age] : []));
    if (ages.length === 0) return [];
    const [least, most] = [Math.min(...ages), Math.max(...ages)].map(inWords);
    return [`${plain(operation)}: usually ${inWords(duration)}, now ${least === most ? most : `${least} to ${most}`}`];
  });
}
