import { fileNameOf } from "../../domain/evidence.ts";
import { groupBy } from "../../domain/lists.ts";
import type { ReportedResult } from "../../domain/response-payload.ts";
import type { Target } from "../../domain/target.ts";
import type { Verdict } from "../../domain/verdict.ts";
import { TableRefused } from "../../ports/errors.ts";
import type { OutputPlace, TargetRecord } from "../../ports/ports.ts";
import type { SweepContext } from "../context.ts";
import type { Candidate } from "../decide/triage.ts";
import type { SweepItem } from "../item.ts";
import { placeOf } from "../places.ts";

/** A job that is to be failed because its output is absent. */
interface Absent {
  readonly item: SweepItem;
  readonly candidate: Candidate;
}

/**
 * Looks for evidence of an output in the base itself: a target that holds a file named by the job's external id, or a
 * response payload that reports success or names an output that exists. Returns the verdicts on jobs whose absence this
 * contradicts; the others have none. One read of targets per table; a table that the base refuses contradicts nothing.
 *
 * @param absent no more jobs than one request reads by id
 */
export async function findContradictions(
  absent: readonly Absent[],
  run: SweepContext,
): Promise<ReadonlyMap<SweepItem, Verdict>> {
  const found = new Map<SweepItem, Verdict>();
  const contradict = (item: SweepItem, detail: string) =>
    found.set(item, { kind: "unknown", reason: "evidence-contradicts", detail });
  for (const { item, candidate } of absent) {
    const named = await findNamed(item.reported, placeOf(candidate.operation, run), run);
    if (named !== null) contradict(item, `its response payload names ${fileNameOf(named)}, which is there`);
    else if (item.reported.succeeded) contradict(item, "its response payload reports success");
  }
  const open = absent.filter(({ item }) => !found.has(item));
  for (const { item, target, record } of await readTargets(open, run)) {
    const attached = (record.attachments[target.field] ?? []).find(({ filename }) =>
      filename.includes(item.job.externalId ?? target.id),
    );
    if (attached !== undefined) contradict(item, `${target.table} ${target.id} already holds ${attached.filename}`);
  }
  return found;
}

/** Returns the URL of the first output that a response payload names and that is there; null where none is. */
async function findNamed(
  { url, files }: ReportedResult,
  { probe: place }: OutputPlace,
  run: SweepContext,
): Promise<string | null> {
  const inPlace = files.map((file) => (/^https?:/.test(file) ? file : place.urlFor(file))).filter(place.isSameHost);
  for (const each of new Set([...(url === null ? [] : [url]), ...inPlace])) {
    const probe = await place.probe(each, run.limits.reads);
    if (probe.result === "present") return probe.url;
  }
  return null;
}

interface ReadTarget {
  readonly item: SweepItem;
  readonly target: Target;
  readonly record: TargetRecord;
}

async function readTargets(absent: readonly Absent[], run: SweepContext): Promise<readonly ReadTarget[]> {
  const wanted = absent.flatMap(({ item }) => (item.target === null ? [] : [{ item, target: item.target }]));
  const read: ReadTarget[] = [];
  for (const [table, own] of groupBy(wanted, ({ target }) => target.table)) {
    const ids = [...new Set(own.map(({ target }) => target.id))];
    const attachments = [...new Set(own.map(({ target }) => target.field))];
    const records = await readTable(table, ids, attachments, run);
    for (const { item, target } of own) {
      const record = records?.get(target.id);
      if (record !== undefined) read.push({ item, target, record });
    }
  }
  return read;
}

/** Reads records of a table; null where the base refuses the table: it then says nothing of the jobs, and others go on. */
async function readTable(
  table: string,
  ids: readonly string[],
  attachments: readonly string[],
  run: SweepContext,
): Promise<ReadonlyMap<string, TargetRecord> | null> {
  try {
    return await run.store.readTargets(table, ids, { attachments, cells: [] }, run.limits.reads);
  } catch (error) {
    if (!(error instanceof TableRefused)) throw error;
    run.observer.warn(`targets could not be read for what speaks against failing: ${error.message}`);
    return null;
  }
}
