import type { Announced, Journal, Judged, JudgedRun } from "../../src/core/journal.ts";
import type { PastWrite } from "../../src/core/past.ts";
import type { WriteResult } from "../../src/core/ports.ts";

const NOT_DONE: readonly WriteResult["kind"][] = ["refused", "gone", "held-up"];

/** A journal that outlasts its runs, as a file would: what it holds has been through JSON. */
export class MemoryJournal implements Journal {
  readonly judgements: { run: JudgedRun; jobs: readonly Judged[] }[] = [];
  readonly #writes: { write: PastWrite; done: boolean }[] = [];

  async announce(writes: readonly Announced[], { runId }: { readonly runId: string }) {
    const own = writes.map((announced) => {
      const { job, target, fields, reason, detail, undoes } = kept(announced);
      const [role, table, record] =
        target === null ? (["job", "Jobs", job.id] as const) : (["target", target.table, target.id] as const);
      return {
        write: { run: runId, role, table, record, job, fields, reason, detail, undoes, maybeDone: true },
        done: true,
      };
    });
    this.#writes.push(...own);
    return async (results: readonly WriteResult[]) => {
      for (const [n, each] of own.entries()) {
        const kind = results[n]?.kind;
        if (kind !== undefined && NOT_DONE.includes(kind)) each.done = false;
      }
    };
  }

  async judged(run: JudgedRun, jobs: Iterable<Judged>) {
    this.judgements.push({ run, jobs: [...jobs] });
  }

  past(): readonly PastWrite[] {
    return this.#writes.map(({ write, done }) => ({ ...write, maybeDone: done }));
  }
}

function kept<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}
