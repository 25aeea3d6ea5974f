import type { Duration, Instant, Job } from "../../domain/job.ts";
import { parseRefusals, type Signature } from "../../domain/notes.ts";
import type { Operation } from "../../domain/operation.ts";
import type { Target } from "../../domain/target.ts";
import type { Journal, RefusedKind } from "../../ports/journal.ts";
import type { Clock, RefusalScope, WriteResult } from "../../ports/ports.ts";
import type { Recovery } from "./recovery.ts";

/** How long a kind of write that the base refused is left alone. */
const RETRY_AFTER_MS: Duration = 3_600_000;

/**
 * A record may be locked, or hold what no other does. So many that are refused alike, with none taken, show that the
 * base refuses them for what they have in common.
 */
const ALIKE = 3;

/** What the gate is given of a sweep. */
export interface GateOptions {
  /** Remembers refusals from run to run; null where nothing does. */
  readonly journal: Pick<Journal, "isWritable" | "readRefusals" | "recordRefusal"> | null;
  /** Finds what the base would refuse, before anything is written; null where that is not to be found out. */
  readonly findUnwritable: (() => Promise<ReadonlyMap<WriteKind, string>>) | null;
  /** Whether the jobs have notes, in which a refusal is remembered where the journal cannot. */
  readonly hasNotes: boolean;
  /** Whether what was refused before is tried again at once. */
  readonly force: boolean;
  readonly clock: Pick<Clock, "now">;
  readonly signature: Signature;
  readonly command: string;
}

/** Names a kind of write: its table and fields, with the values that are the same for every record. */
export type WriteKind = string;

/** Returns the kinds of a write that completes a job; where polling had failed it, the error is cleared too. */
export function jobKinds(status: string, { reopened }: { readonly reopened: boolean }): readonly WriteKind[] {
  const kind = statusKind(status);
  return reopened ? [kind, `${kind}, error cleared`] : [kind];
}

/** Returns the kind of write that gives a job a status. */
export function statusKind(status: string): WriteKind {
  return `job, status ${JSON.stringify(status)}`;
}

/** Returns the kind of write that delivers an output. */
export function deliveryKind({ target, attachment, deliver, set }: Operation): WriteKind {
  const values = Object.entries(set).map(([field, value]) => `, ${JSON.stringify(field)} ${JSON.stringify(value)}`);
  return `${JSON.stringify(target.table)}, ${deliver?.as ?? "attachment"} ${JSON.stringify(attachment)}${values.join("")}`;
}

/** Returns the kind of write that delivers a file once more, to a target that got everything else before. */
export function redeliveryKind({ table, field }: Target): WriteKind {
  return `${JSON.stringify(table)}, attachment ${JSON.stringify(field)}`;
}

/**
 * `trial`: one record at a time, until one was taken; `spent`: that one record was not taken, and no other is tried in
 * this run. A kind without a state may be written as it comes.
 */
type KindState =
  | { readonly kind: "taken" }
  | { readonly kind: "trial"; readonly refusedFor: string | null }
  | { readonly kind: "spent"; readonly why: string }
  | { readonly kind: "refused"; readonly why: string; readonly denial?: Denial };

/** The base's words where it refused a write for want of permission. */
interface Denial {
  readonly error: string;
  readonly scope: RefusalScope;
}

/** Recoveries that may be written now, that have to wait for these, and that are not to be tried, with the reason. */
export interface Admission {
  readonly now: readonly Recovery[];
  readonly later: readonly Recovery[];
  readonly refused: readonly { readonly recovery: Recovery; readonly why: string }[];
}

/**
 * Decides which writes may be sent. What the base refuses one record for, such as a status that is no option of its
 * field, it refuses all records for: without the gate each of them would get its file, and none would be completed.
 */
export class WriteGate {
  readonly #options: GateOptions;
  readonly #states = new Map<WriteKind, KindState>();
  /** Records that were refused for a reason that may be their own. */
  readonly #suspects = new Map<WriteKind, Set<string>>();
  /** Kinds that are remembered as refused, with the time of the refusal. */
  readonly #remembered = new Map<WriteKind, Instant>();
  /** Kinds that were refused for want of permission in this run, or were not tried since they had been. */
  readonly #denied = new Map<WriteKind, Denial>();
  /** Kinds on trial whose write was not answered. */
  readonly #unanswered = new Set<WriteKind>();
  #opening: Promise<boolean> | null = null;
  #keepsJournal = false;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Takes over what the notes of listed jobs remember. */
  readNotes(jobs: readonly Job[]): void {
    for (const job of jobs) {
      for (const refusal of parseRefusals(job.notes)) this.#recall({ ...refusal, job: job.id, scope: null });
    }
  }

  /** Reads what the journal remembers, or the base's schema says; called before the first write. */
  async open(): Promise<void> {
    this.#opening ??= this.#readMemory();
    this.#keepsJournal = await this.#opening;
  }

  async #readMemory(): Promise<boolean> {
    const { journal, findUnwritable } = this.#options;
    const keepsJournal = await this.#readJournal(journal);
    const unwritable = findUnwritable === null ? [] : await findUnwritable();
    for (const [kind, why] of unwritable) this.#states.set(kind, { kind: "refused", why });
    return keepsJournal;
  }

  async #readJournal(journal: GateOptions["journal"]): Promise<boolean> {
    if (journal === null || !(await journal.isWritable())) return false;
    for (const refusal of await journal.readRefusals()) this.#recall(refusal);
    return true;
  }

  #recall(refusal: RefusedKind): void {
    const { force, clock } = this.#options;
    const { kind, at, job } = refusal;
    const before = this.#remembered.get(kind);
    if (before !== undefined && before >= at) return;
    this.#remembered.set(kind, at);
    const isDue = force || clock.now() - at >= RETRY_AFTER_MS;
    // A refused table may be one of several: that others are refused too has to be seen in this run.
    const denial = refusal.scope === "token" ? denialIn(refusal) : {};
    this.#states.set(
      kind,
      isDue ? { kind: "trial", refusedFor: job } : { kind: "refused", why: describe(refusal), ...denial },
    );
  }

  /** Whether the base has taken a write of this kind in this run. */
  hasTaken(kind: WriteKind): boolean {
    return this.#states.get(kind)?.kind === "taken";
  }

  /** Returns why writes of these kinds are not to be sent; null where they may be. */
  refusalOf(kinds: readonly WriteKind[]): string | null {
    for (const kind of kinds) {
      const state = this.#states.get(kind);
      if (state?.kind === "refused" && state.denial !== undefined) this.#denied.set(kind, state.denial);
      if (state?.kind === "refused" || state?.kind === "spent") return state.why;
    }
    return null;
  }

  /** Says which recoveries may be written. Of a kind on trial it is one; `later` is not empty only if `now` is not. */
  admit(recoveries: readonly Recovery[], kindsOf: (recovery: Recovery) => readonly WriteKind[]): Admission {
    const now: Recovery[] = [];
    const later: Recovery[] = [];
    const refused: { recovery: Recovery; why: string }[] = [];
    const tried = new Set<WriteKind>();
    // A file that was refused may have been at fault itself: another one is tried first. So is a job whose write says
    // most about the others.
    const rank = (each: Recovery) =>
      Number(each.item.reopened) + 2 * Number(kindsOf(each).some((kind) => this.#wasRefusedFor(kind, each)));
    // The oldest of several, so that a run which does not remember tries the same one as the run before it.
    const byAge = (a: Recovery, b: Recovery) => b.candidate.age - a.candidate.age;
    for (const recovery of recoveries.toSorted((a, b) => rank(a) - rank(b) || byAge(a, b))) {
      const kinds = kindsOf(recovery);
      const why = this.refusalOf(kinds);
      const trials = kinds.filter((kind) => this.#stateOf(kind)?.kind === "trial");
      if (why !== null) refused.push({ recovery, why });
      else if (trials.some((kind) => tried.has(kind))) later.push(recovery);
      else now.push(recovery);
      if (why === null) for (const kind of trials) tried.add(kind);
    }
    return { now, later, refused };
  }

  /**
   * Records what the base answered to a write for one job. Returns whether the refusal is to be remembered in the job's
   * notes, since the journal cannot.
   */
  async record(kind: WriteKind, job: string, result: WriteResult | undefined): Promise<boolean> {
    const state = this.#stateOf(kind);
    switch (result?.kind) {
      case "confirmed":
        this.#denied.delete(kind);
        this.#unanswered.delete(kind);
        this.#states.set(kind, { kind: "taken" });
        if (this.#remembered.delete(kind)) await this.#recordInJournal(kind, { error: null, scope: null }, job);
        return false;
      case "refused": {
        const { denial } = denialIn({ error: result.error, scope: result.scope ?? null });
        if (denial !== undefined) this.#denied.set(kind, denial);
        const suspects = this.#suspects.get(kind) ?? new Set();
        this.#suspects.set(kind, suspects.add(job));
        const ofKind = result.scope !== undefined || suspects.size >= ALIKE;
        if (!ofKind || state?.kind === "taken" || state?.kind === "refused") return false;
        this.#states.set(kind, { kind: "refused", why: `not tried: ${result.error}` });
        this.#remembered.set(kind, this.#options.clock.now());
        await this.#recordInJournal(kind, { error: result.error, scope: result.scope ?? null }, job);
        return !this.#keepsJournal && this.#options.hasNotes;
      }
      case "unconfirmed":
      case undefined:
        if (state?.kind === "trial") this.#unanswered.add(kind);
        return false;
      case "deleted":
      case "changed":
      case "batch-rejected":
      case "stale":
        return false;
    }
  }

  /** Ends the trial of kinds whose write was not answered: another job is tried by the next run. */
  endTrial(kinds: readonly WriteKind[]): void {
    for (const kind of kinds.filter((each) => this.#unanswered.has(each))) {
      this.#states.set(kind, { kind: "spent", why: "not tried: one job is written first, and that was not confirmed" });
    }
  }

  /**
   * Returns the base's words where nothing was taken for want of permission: in several places, or since the token may
   * write nothing.
   */
  deniedEverywhere(): string | null {
    const taken = [...this.#states.values()].some(({ kind }) => kind === "taken");
    const denied = [...this.#denied.values()];
    const first = denied.find(({ scope }) => scope === "token") ?? (denied.length > 1 ? denied[0] : undefined);
    return taken || first === undefined ? null : first.error;
  }

  #stateOf(kind: WriteKind): KindState | undefined {
    const state = this.#states.get(kind);
    // The notes remember a refusal too, unless the base refuses to write them as well.
    return state === undefined && !this.#keepsJournal ? { kind: "trial", refusedFor: null } : state;
  }

  #wasRefusedFor(kind: WriteKind, { item }: Recovery): boolean {
    const state = this.#states.get(kind);
    return state?.kind === "trial" && state.refusedFor === item.job.id;
  }

  async #recordInJournal(
    kind: WriteKind,
    refusal: { readonly error: string | null; readonly scope: RefusalScope | null },
    job: string,
  ): Promise<void> {
    const { journal, signature, command } = this.#options;
    if (!this.#keepsJournal || journal === null) return;
    await journal.recordRefusal({ kind, job, ...refusal }, { ...signature, command });
    this.#keepsJournal = await journal.isWritable();
  }
}

/** Returns the denial that a refusal is; nothing where it is about something else. */
function denialIn({ error, scope }: Pick<RefusedKind, "error" | "scope">): { readonly denial?: Denial } {
  return scope === "permission" || scope === "token" ? { denial: { error, scope } } : {};
}

function describe({ error, at }: RefusedKind): string {
  const since = new Date(at).toISOString();
  const next = new Date(at + RETRY_AFTER_MS).toISOString();
  return `not tried: refused at ${since}: ${error}; tried again with one job from ${next}, or with --force`;
}
