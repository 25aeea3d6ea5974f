import type { PastWrite } from "../core/past.ts";
import { readLines, type WriteLine } from "./read.ts";

/** Results by which the base has certainly not carried a write out. */
const NOT_DONE = ["refused", "gone", "held-up"];

/**
 * What the files of a journal tell of writes, in the order in which they were announced.
 *
 * @throws NoJournalError where there is none
 */
export async function pastWrites(paths: readonly string[]): Promise<readonly PastWrite[]> {
  const writes = new Map<string, { readonly line: WriteLine; done: boolean }>();
  for await (const line of readLines(paths)) {
    const key = "write" in line ? `${line.run} ${line.write}` : "";
    if (line.kind === "write") writes.set(key, { line, done: true });
    if (line.kind === "result" && NOT_DONE.includes(line.result)) {
      const announced = writes.get(key);
      if (announced !== undefined) announced.done = false;
    }
  }
  return [...writes.values()].map(({ line, done }) => {
    const { run, role, table, record, job, fields, reason, detail, undoes } = line;
    return { run, role, table, record, job, fields, reason, detail, undoes, maybeDone: done };
  });
}
