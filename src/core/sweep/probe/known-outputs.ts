import { combine, fileNameOf, type ProbeResult } from "../../domain/evidence.ts";
import type { Instant, Job } from "../../domain/job.ts";
import type { Operation } from "../../domain/operation.ts";
import { isOutputName, outputNames } from "../../domain/output-names.ts";
import { recordedUrl } from "../../domain/recorded-output.ts";
import { resolveOperation } from "../../domain/resolve-operation.ts";
import type { ObjectListing, OutputProbe } from "../../ports/ports.ts";
import type { SweepContext } from "../context.ts";
import type { ItemResult } from "../ledger.ts";
import { placeOf } from "../places.ts";

/**
 * The positive control of an operation: whether one of its outputs is seen where the configuration looks. Absence takes
 * sight, so nothing is failed for a missing output without one.
 */
export type Control =
  | { readonly kind: "seen"; readonly url: string }
  /** The newest output on record is elsewhere: the configuration looks in the wrong place, or for the wrong name. */
  | { readonly kind: "elsewhere"; readonly detail: string }
  /** Outputs are known, and none of them can be seen. */
  | { readonly kind: "not-visible"; readonly detail: string }
  /** No output of the operation was ever recorded. */
  | { readonly kind: "none"; readonly detail: string };

/** Finds positive controls; what it reads and lists is shared by all operations of a sweep. */
export interface KnownOutputs {
  /** Returns the control of an operation. At most six probes; one list request for all operations as a rule. */
  findControl(operation: Operation): Promise<Control>;
  /** Returns the URL of an output that this sweep saw in a storage, of whatever operation; null where it saw none. */
  seenIn(place: OutputProbe): string | null;
  /** Whether a storage lists its keys. */
  canList(place: OutputProbe): Promise<boolean>;
}

/** The positive controls of the operations with jobs to fail, by the operation's name. */
export interface Controls {
  readonly byOperation: ReadonlyMap<string, Control>;
  /** Returns the URLs of outputs that are seen in a storage, of whatever operation. */
  seenIn(place: OutputProbe): readonly string[];
  /** Whether an operation without any output of its own may rely on another's in its storage: one that lists its keys. */
  mayBorrow(place: OutputProbe): Promise<boolean>;
}

/** Finds the controls of operations, and what else is seen. */
export async function findControls(
  results: readonly ItemResult[],
  operations: readonly Operation[],
  now: Instant,
  run: SweepContext,
): Promise<Controls> {
  const known = createKnownOutputs(results, operations, now, run);
  const byOperation = new Map<string, Control>();
  for (const operation of operations) byOperation.set(operation.name, await known.findControl(operation));
  const seenIn = (place: OutputProbe): readonly string[] => {
    const seen = known.seenIn(place);
    const controls = operations.flatMap((operation) => {
      const control = byOperation.get(operation.name);
      return control?.kind === "seen" && placeOf(operation, run).probe === place ? [control.url] : [];
    });
    return seen === null ? controls : [...controls, seen];
  };
  return {
    byOperation,
    seenIn,
    mayBorrow: async (place) => seenIn(place).length > 0 && (await known.canList(place)),
  };
}

/** An output that was certainly written: seen in this sweep, or that of a completed job. */
export interface KnownOutput {
  /** When its job began. */
  readonly at: Instant;
  /** Set where it was seen in this sweep. */
  readonly seen: string | null;
  /** The address on record; null where there is none. */
  readonly recorded: string | null;
  /** Where today's configuration looks for it. */
  readonly expected: readonly string[];
}

/** Where completed jobs are read, and by which operations. */
interface CompletedSource extends Pick<SweepContext, "store" | "probe" | "otherNames" | "ownPlaces"> {
  readonly operations: readonly Operation[];
  readonly signal: AbortSignal;
}

const DAY = 86_400_000;

/** The outputs of completed jobs, by operation. */
export interface CompletedOutputs {
  readonly byOperation: ReadonlyMap<string, readonly KnownOutput[]>;
  /** Older outputs than this cannot be the newest for certain, since not all jobs were read. */
  readonly wholeSince: Instant;
}

/** Of a base with more completed jobs a day than are read, the last hours are listed, to know which is the newest. */
const SHORTER_WINDOWS_MS = [DAY / 4, DAY / 24, DAY / 288];

/** One may have been deleted since, three of them hardly. */
const MAX_KNOWN = 3;
const MAX_PROBES = 6;

/** Creates the search for controls. `results` are those of this sweep, `wanted` the operations with jobs to fail. */
export function createKnownOutputs(
  results: readonly ItemResult[],
  wanted: readonly Operation[],
  now: Instant,
  run: SweepContext,
): KnownOutputs {
  const seen = seenOutputs(results);
  let completed: Promise<CompletedOutputs> | null = null;
  const listings = new Map<OutputProbe, Promise<ObjectListing>>();
  const listCompleted = () =>
    (completed ??= completedOutputs(wanted, now, {
      ...run,
      operations: run.policy.operations,
      signal: run.limits.reads,
    }));
  const listPlace = (place: OutputProbe) => {
    const listing = listings.get(place) ?? place.list("", run.limits.reads);
    listings.set(place, listing);
    return listing;
  };

  return {
    async findControl(operation) {
      const { byOperation, wholeSince } = await listCompleted();
      const recorded = byOperation.get(operation.name) ?? [];
      const known = [...(seen.get(operation.name) ?? []), ...recorded]
        .filter(({ at }) => at >= wholeSince)
        .toSorted((one, other) => other.at - one.at);
      const { probe } = placeOf(operation, run);
      if (known.length === 0 && wholeSince > Number.NEGATIVE_INFINITY) {
        const detail = `more jobs were completed in the last day than are read, and none of ${operation.name} lately`;
        return { kind: "not-visible", detail };
      }
      if (known.length > 0) return await probeKnown(known.slice(0, MAX_KNOWN), probe, run);
      const listing = await listPlace(probe);
      if (listing.kind !== "listed") return { kind: "none", detail: "no output of the operation is on record" };
      const others = [...seen, ...byOperation].flatMap(([name, outputs]) => (name === operation.name ? [] : outputs));
      // What another operation wrote shows nothing of this one, though its name may be of the same shape.
      const taken = new Set(others.flatMap(({ recorded, expected }) => [...expected, recorded]));
      const names = listing.names.filter((name) => !taken.has(probe.urlFor(name)));
      return await findFresh(operation, names, now, probe, run);
    },
    seenIn(place) {
      const [first] = [...seen].flatMap(([name, outputs]) => (placeOf({ name }, run).probe === place ? outputs : []));
      return first?.seen ?? null;
    },
    canList: async (place) => (await listPlace(place)).kind === "listed",
  };
}

/** Returns the outputs that this sweep saw under a configured name, by operation. */
function seenOutputs(results: readonly ItemResult[]): ReadonlyMap<string, readonly KnownOutput[]> {
  const seen = new Map<string, KnownOutput[]>();
  for (const { item, evidence } of results) {
    const present = evidence.probeGroups.flat().find(({ result }) => result === "present");
    // When its job began: that it was opened again since says nothing of when the output was written.
    const at = item.candidate?.began ?? null;
    if (item.operation === null || present === undefined || at === null) continue;
    const output = { at, seen: present.url, recorded: present.url, expected: [present.url] };
    const own = seen.get(item.operation);
    if (own === undefined) seen.set(item.operation, [output]);
    else own.push(output);
  }
  return seen;
}

/**
 * Returns the outputs of completed jobs, by operation: those of the last day, and older ones where an operation has none
 * there. A listing that is not whole cannot say which job is the newest: where the last day has too many jobs, the longest
 * time of which the listing is whole counts.
 */
export async function completedOutputs(
  wanted: readonly Operation[],
  now: Instant,
  source: CompletedSource,
): Promise<CompletedOutputs> {
  const listWindow = async (window: number | null) => {
    const after = window === null ? null : now - window;
    const { jobs, complete } = await source.store.listCompleted(after, source.signal);
    return { found: groupByOperation(jobs, source), complete };
  };
  const day = await listWindow(DAY);
  if (!day.complete) {
    for (const window of SHORTER_WINDOWS_MS) {
      const { found, complete } = await listWindow(window);
      if (complete) return { byOperation: new Map([...day.found, ...found]), wholeSince: now - window };
    }
    return { byOperation: day.found, wholeSince: now };
  }
  const wholeSince = Number.NEGATIVE_INFINITY;
  if (wanted.every(({ name }) => day.found.has(name))) return { byOperation: day.found, wholeSince };
  const ever = await listWindow(null);
  const older: CompletedOutputs["byOperation"] = ever.complete ? ever.found : new Map();
  return { byOperation: new Map([...older, ...day.found]), wholeSince };
}

function groupByOperation(jobs: readonly Job[], source: CompletedSource): ReadonlyMap<string, readonly KnownOutput[]> {
  const found = new Map<string, KnownOutput[]>();
  for (const job of jobs) {
    const lookup = resolveOperation(job, source.operations);
    if (lookup.kind === "unknown" || job.since.kind !== "at" || job.externalId === null) continue;
    const { operation } = lookup;
    const { probe } = placeOf(operation, source);
    const names = outputNames(operation, job);
    const expected = names.kind === "named" ? names.sets.flat().map((name) => probe.urlFor(name)) : [];
    const url = recordedUrl(job, operation);
    // What a provider keeps on hosts of its own says nothing about the bucket.
    const recorded = url !== null && operation.provider !== null && !probe.isSameHost(url) ? null : url;
    if (recorded === null && expected.length === 0) continue;
    const output = { at: job.since.at, seen: null, recorded, expected };
    const known = found.get(operation.name);
    if (known === undefined) found.set(operation.name, [output]);
    else known.push(output);
  }
  return found;
}

/**
 * Probes the newest known outputs until one is seen. Only the newest of which an address is on record can show that the
 * configuration is wrong: a job without one may have been completed by hand.
 */
async function probeKnown(known: readonly KnownOutput[], place: OutputProbe, run: SweepContext): Promise<Control> {
  const answers: string[] = [];
  let probes = 0;
  let isNewest = true;
  for (const { seen, recorded, expected } of known) {
    if (seen !== null) return { kind: "seen", url: seen };
    const isExpected = recorded !== null && expected.some((url) => place.isSameObject(url, recorded));
    const urls = isExpected ? [recorded] : expected;
    const results: ProbeResult[] = [];
    for (const url of urls) {
      if (probes === MAX_PROBES) break;
      probes += 1;
      const probe = await place.probe(url, run.limits.reads);
      if (probe.result === "present") return { kind: "seen", url };
      results.push(probe);
    }
    answers.push(...results.map(({ url, detail }) => `${fileNameOf(url)} ${detail}`));
    const mayBeElsewhere = isNewest && recorded !== null && !isExpected;
    isNewest &&= recorded === null;
    if (!mayBeElsewhere) continue;
    // After an answer that says nothing (a time-out, a 5xx) it may be there: then an older one proves nothing either.
    if (!results.every((probe) => probe.result === "absent" || isForbidden(probe))) break;
    const where = expected[0] ?? place.urlFor("");
    return {
      kind: "elsewhere",
      detail: `the newest recorded output is ${recorded}; the configuration looks at ${where}`,
    };
  }
  return { kind: "not-visible", detail: `the newest known outputs cannot be seen: ${answers.join(", ")}` };
}

function isForbidden(probe: ProbeResult): boolean {
  return combine([[probe]], { kind: "missing-is-403", detail: "" }).kind === "absent";
}

/** Probes the newest name of the operation's shape in the bucket: one that was written lately is an output. */
async function findFresh(
  operation: Operation,
  names: readonly string[],
  now: Instant,
  place: OutputProbe,
  run: SweepContext,
): Promise<Control> {
  const none: Control = {
    kind: "none",
    detail: "no output of the operation is on record, and the bucket lists no new one",
  };
  const newest = names.find((name) => isOutputName(operation, name));
  if (newest === undefined) return none;
  const url = place.urlFor(newest);
  const probe = await place.probe(url, run.limits.reads);
  if (probe.result !== "present") return none;
  const modified = Date.parse(probe.output.lastModified ?? "");
  return modified >= now - (operation.thresholds.maxAge ?? 7 * DAY) ? { kind: "seen", url } : none;
}
