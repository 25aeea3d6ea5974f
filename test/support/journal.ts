import {
  type Change,
  type Journal,
  type JournaledWebhook,
  type JournaledWrite,
  type PendingWrite,
  type RefusedKind,
  type RunRecord,
  type VerdictRecord,
  webhookKey,
} from "../../src/core/ports/journal.ts";
import type { ResendResult, WriteResult } from "../../src/core/ports/ports.ts";
import { withAttachmentIds } from "../../src/journal/history.ts";

const NOT_DONE: readonly WriteResult["kind"][] = ["refused", "deleted", "batch-rejected", "stale"];

/** A journal that outlasts its runs, as a file would: what it holds has been through JSON. */
export class MemoryJournal implements Journal {
  readonly judgements: { run: RunRecord; jobs: readonly VerdictRecord[] }[] = [];
  readonly webhooks: JournaledWebhook[] = [];
  readonly #announced: JournaledWebhook[] = [];
  readonly refusals = new Map<string, RefusedKind>();
  readonly #writes: {
    readonly write: Omit<JournaledWrite, "possiblyApplied" | "confirmed" | "finished" | "fields">;
    fields: Readonly<Record<string, Change>>;
    possiblyApplied: boolean;
    confirmed: boolean;
    finished: boolean;
  }[] = [];

  /** When the writes are announced. */
  now: () => number = () => 0;

  async recordIntent(
    writes: readonly PendingWrite[],
    { runId, command }: { readonly runId: string; readonly command: string },
  ) {
    const at = this.now();
    const own = writes.map((announced) => {
      const { job, target, fields, reason, supersededBy, undoes } = kept(announced);
      const [role, table, record] =
        target === null ? (["job", "Jobs", job.id] as const) : (["target", target.table, target.id] as const);
      return {
        write: { at, run: runId, command, role, table, record, job, reason, supersededBy, undoes },
        fields,
        possiblyApplied: true,
        confirmed: false,
        finished: false,
      };
    });
    this.#writes.push(...own);
    return async (results: readonly WriteResult[]) => {
      for (const [n, each] of own.entries()) {
        const result = results[n];
        const kind = result?.kind;
        if (kind !== undefined && NOT_DONE.includes(kind)) each.possiblyApplied = false;
        each.confirmed = kind === "confirmed";
        each.finished = true;
        if (result?.kind === "confirmed") each.fields = withAttachmentIds(each.fields, result.files ?? {});
      }
    };
  }

  async recordWebhookIntent(
    job: PendingWrite["job"],
    { runId, command }: { readonly runId: string; readonly command: string },
  ) {
    const webhook = { at: this.now(), run: runId, command, job };
    this.webhooks.push(webhook);
    this.#announced.push(webhook);
    return async ({ kind }: ResendResult) => {
      if (kind === "not-sent") remove(webhook, this.#announced);
      if (kind === "refused" || kind === "not-sent") remove(webhook, this.webhooks);
    };
  }

  async recordRefusal({
    kind,
    error,
    job,
    scope,
  }: Omit<RefusedKind, "at" | "error"> & { readonly error: string | null }) {
    if (error === null) this.refusals.delete(kind);
    else this.refusals.set(kind, { kind, error, job, scope, at: this.now() });
  }

  async isWritable() {
    return true;
  }

  async readRefusals() {
    return [...this.refusals.values()];
  }

  async readWebhooks() {
    return new Set(this.#announced.map(({ job }) => webhookKey(job)));
  }

  async recordVerdicts(run: RunRecord, jobs: Iterable<VerdictRecord>) {
    this.judgements.push({ run, jobs: [...jobs] });
  }

  async readWrites() {
    return this.past();
  }

  past(): readonly JournaledWrite[] {
    return this.#writes.map(({ write, ...came }) => ({ ...write, ...came }));
  }
}

function remove<T>(one: T, all: T[]): void {
  all.splice(all.indexOf(one), 1);
}

function kept<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}
