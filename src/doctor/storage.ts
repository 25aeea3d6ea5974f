import type { Settings } from "../config/settings.ts";
import { type Calibration, fileNameOf, type ProbeResult } from "../core/domain/evidence.ts";
import type { Instant } from "../core/domain/job.ts";
import type { Operation } from "../core/domain/operation.ts";
import { StorageConfigError, UpstreamError } from "../core/ports/errors.ts";
import type { JobStore, OutputProbe } from "../core/ports/ports.ts";
import type { SweepContext } from "../core/sweep/context.ts";
import { placeOf } from "../core/sweep/places.ts";
import { calibrate, randomId } from "../core/sweep/probe/calibrate-missing.ts";
import { completedOutputs } from "../core/sweep/probe/known-outputs.ts";
import { parseBucketUrl } from "../storage/bucket-url.ts";
import { isInternalHost, isLoopback } from "../storage/public-addresses.ts";
import { type CheckResult, fail, pass, warn } from "./check-result.ts";

/** The newest output of an operation that a completed job has on record, else where completed jobs' outputs should be. */
export interface KnownOutput {
  readonly operation: string;
  readonly url: string;
  /** Whether a job has it on record: else it may never have been there. */
  readonly isRecorded: boolean;
  /** Where else an output of the operation should be, if this one is not there. */
  readonly alternatives: readonly string[];
  /** Whether the configuration would look for it there. */
  readonly matches: boolean;
}

/** An output that a completed job recorded, and its probe; null where it is stored elsewhere. */
export interface SeenOutput extends KnownOutput {
  readonly sighting: ProbeResult | null;
}

export type StorageSettings = Pick<Settings["storage"], "baseUrl" | "addressing" | "credentials">;

/** A storage and the operations whose outputs are there. */
export interface CheckedStorage {
  /** The key of the configuration: `storage`, or that of the first operation that has it for its own. */
  readonly key: string;
  readonly storage: StorageSettings;
  readonly probe: OutputProbe;
  readonly operations: readonly Operation[];
}

/** Returns the storages that operations use, each once. */
export function usedStorages(
  { storage, operations, operationStorages }: Settings,
  places: Pick<SweepContext, "probe" | "ownPlaces">,
): readonly CheckedStorage[] {
  const used = new Map<OutputProbe, CheckedStorage>();
  for (const operation of operations.filter(({ outputs }) => outputs.length > 0)) {
    const own = operationStorages.get(operation.name);
    const probe = places.ownPlaces.get(operation.name)?.probe ?? places.probe;
    const isGeneral = own === undefined || probe === places.probe;
    const found = used.get(probe) ?? {
      key: isGeneral ? "storage" : `operations.${operation.name}.storage`,
      storage: isGeneral ? storage : own,
      probe,
      operations: [],
    };
    used.set(probe, { ...found, operations: [...found.operations, operation] });
  }
  return [...used.values()];
}

/** How many addresses are tried for an operation of which no output is on record. */
const MAX_TRIED = 6;

/** Returns the newest output of each operation: a recorded one, else by the configured names; null where the completed jobs cannot be read. Costs one to three requests to the base. */
export async function knownOutputs(
  store: JobStore,
  places: Pick<SweepContext, "probe" | "ownPlaces">,
  operations: readonly Operation[],
  now: Instant,
  signal: AbortSignal,
): Promise<readonly KnownOutput[] | null> {
  try {
    const source = { ...places, otherNames: [], store, operations, signal };
    const { byOperation } = await completedOutputs(operations, now, source);
    return [...byOperation].flatMap(([operation, outputs]): readonly KnownOutput[] => {
      const { probe } = placeOf({ name: operation }, source);
      const newestFirst = outputs.toSorted((one, other) => other.at - one.at);
      const newest = newestFirst.find(({ recorded }) => recorded !== null);
      if (newest === undefined || newest.recorded === null) {
        const [url, ...alternatives] = newestFirst.flatMap(({ expected }) => expected).slice(0, MAX_TRIED);
        return url === undefined ? [] : [{ operation, url, isRecorded: false, alternatives, matches: true }];
      }
      const url = newest.recorded;
      const matches = newest.expected.some((expected) => probe.isSameObject(expected, url));
      return [{ operation, url, isRecorded: true, alternatives: [], matches }];
    });
  } catch (error) {
    // The check of the listing reports why the base does not answer.
    if (error instanceof UpstreamError) return null;
    throw error;
  }
}

/** Checks every storage that operations use. `known` is null where the base was not read. */
export async function checkStorages(
  storages: readonly CheckedStorage[],
  known: readonly KnownOutput[] | null,
  random: () => number,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  for (const each of storages) {
    const found = await checkStorage(each, known, random, signal);
    const names = each.operations.map(({ name }) => name).join(", ");
    results.push(
      ...(each.key === "storage"
        ? found
        : found.map((result) => ({ ...result, title: `${result.title} of ${names}` }))),
    );
  }
  return results;
}

/**
 * Checks whether the bucket answers, with which credentials, what it answers for missing files, whether it can be listed,
 * and whether the recorded outputs are visible under the configured names.
 */
async function checkStorage(
  { key, storage, probe, operations }: CheckedStorage,
  known: readonly KnownOutput[] | null,
  random: () => number,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  try {
    const seen: SeenOutput[] = [];
    for (const output of (known ?? []).filter(({ operation }) => operations.some(({ name }) => name === operation))) {
      seen.push(await seeOutput(output, storage.baseUrl, probe, signal));
    }
    const stranger = await probe.probe(probe.urlFor(`${randomId(random)}.mp4`), signal);
    const unreachable = checkAnswer(key, storage.baseUrl, stranger);
    if (unreachable !== null) return [unreachable];
    const everything = await checkShapes(key, storage.baseUrl, probe, operations, random, signal);
    if (everything !== null) return [everything];
    const looked = seen.filter(({ sighting }) => sighting !== null);
    const visible =
      looked.find(({ sighting }) => sighting?.result === "present") ??
      looked.find(({ isRecorded }) => isRecorded) ??
      null;
    const { calibration: meaning } = await calibrate(
      probe,
      { names: exampleNames(operations), externalId: EXAMPLE },
      random,
      visible === null ? [] : [visible.url],
      signal,
    );
    return [
      pass("storage", "storage", `${storage.baseUrl} answers`),
      pass("storage.credentials", "credentials", credentialsInWords(storage)),
      ...(probe.signed
        ? [checkSigned(stranger)]
        : known === null && meaning.kind === "failed"
          ? []
          : [checkMissing(key, meaning, stranger, visible)]),
      ...(known === null ? [OUTPUTS_UNKNOWN] : checkOutputs(key, seen, operations)),
      await checkListing(key, probe, random, signal),
    ];
  } catch (error) {
    if (!(error instanceof StorageConfigError)) throw error;
    return [fail("configuration", "storage.credentials", "credentials", error.message, error.hint)];
  }
}

/** Probes an output, and its alternatives until one is there. */
async function seeOutput(
  output: KnownOutput,
  baseUrl: string,
  probe: OutputProbe,
  signal: AbortSignal,
): Promise<SeenOutput> {
  // A recorded URL is requested only where it is in the configured bucket.
  const isThere = URL.canParse(output.url) && new URL(output.url).origin === new URL(baseUrl).origin;
  if (!isThere) return { ...output, sighting: null };
  const first = await probe.probe(output.url, signal);
  if (first.result === "present") return { ...output, sighting: first };
  for (const url of output.alternatives) {
    const sighting = await probe.probe(url, signal);
    if (sighting.result === "present") return { ...output, url, sighting };
  }
  return { ...output, sighting: first };
}

const OUTPUTS_UNKNOWN = warn(
  "storage.outputs",
  "outputs",
  "not checked: no completed job could be read, so no output is known to compare with",
  "Correct what is marked with ✗ above, then run doctor again.",
);

/** So many shapes of names are probed in a storage. */
const MAX_SHAPES = 4;

/** Checks that the storage has no key that nobody has of the shape of outputs: some serve a file for such names alone. */
async function checkShapes(
  key: string,
  baseUrl: string,
  probe: OutputProbe,
  operations: readonly Operation[],
  random: () => number,
  signal: AbortSignal,
): Promise<CheckResult | null> {
  const patterns = operations.flatMap(({ outputs }) => outputs.map(({ pattern }) => pattern));
  for (const pattern of [...new Set(patterns.filter(isPlain))].slice(0, MAX_SHAPES)) {
    const found = await probe.probe(probe.urlFor(pattern.replaceAll("{externalId}", randomId(random))), signal);
    if (found.result === "present") return checkAnswer(key, baseUrl, found);
  }
  return null;
}

/** Whether a pattern needs nothing but the external id. */
function isPlain(pattern: string): boolean {
  return /^[^{}]*(?:\{externalId\}[^{}]*)+$/.test(pattern);
}

/** Warns of storages that only this machine or its network reaches: Airtable fetches files from the public internet. */
export function checkAddresses(storages: readonly CheckedStorage[]): readonly CheckResult[] {
  return storages.flatMap(({ key, storage: { baseUrl }, operations }) => {
    const { hostname } = new URL(baseUrl);
    if (!isInternalHost(hostname)) return [];
    const attached = operations.filter(({ deliver }) => deliver?.as === "attachment").map(({ name }) => name);
    const effect =
      attached.length === 0
        ? "others cannot open the URLs that are delivered"
        : `Airtable cannot fetch the files of ${attached.join(", ")} from there, and leaves the field empty`;
    const detail = `${hostname} is ${isLoopback(hostname) ? "this machine" : "in a private network"}: ${effect}`;
    return [warn("storage.address", "address", detail, `Let ${key}.baseUrl name an address of the public internet.`)];
  });
}

/** The external id in example names; calibration replaces it by random ones. */
const EXAMPLE = "00000000-0000-4000-8000-000000000000";

function exampleNames(operations: readonly Operation[]): readonly (readonly string[])[] {
  const patterns = operations.flatMap(({ outputs }) => outputs.map(({ pattern }) => pattern));
  const plain = patterns.find(isPlain) ?? "{externalId}.mp4";
  return [[plain.replaceAll("{externalId}", EXAMPLE)]];
}

/** Checks the answer for a random key; null where it shows that the bucket can be probed. */
function checkAnswer(key: string, baseUrl: string, stranger: ProbeResult): CheckResult | null {
  const [id, title] = ["storage", "storage"] as const;
  if (stranger.result === "present") {
    const detail = `${baseUrl} answers ${stranger.detail} for a random key that cannot exist`;
    const next = `Correct ${key}.baseUrl: it leads to a server that has a page for everything, not to a bucket.`;
    return fail("configuration", id, title, detail, next);
  }
  if (stranger.result === "absent" || stranger.cause === "forbidden") return null;
  const detail = `${baseUrl}: ${stranger.detail}`;
  switch (stranger.cause) {
    case "redirected":
      return fail(
        "configuration",
        id,
        title,
        detail,
        `Correct ${key}.baseUrl: the bucket is in another region, or elsewhere.`,
      );
    case "cached":
      return fail(
        "configuration",
        id,
        title,
        detail,
        `Name the bucket's own host in ${key}.baseUrl, not a CDN's: a CDN caches negative answers.`,
      );
    case "suspect":
    case "unexpected":
      return fail("configuration", id, title, detail, `Correct ${key}.baseUrl: no bucket answers like that.`);
    case "unreachable":
      return fail(
        "upstream",
        id,
        title,
        detail,
        `Check the storage's status page, ${key}.baseUrl, and this machine's network.`,
      );
  }
}

function credentialsInWords({ baseUrl, addressing, credentials }: StorageSettings): string {
  if (credentials === null) return "none: requests are anonymous";
  const region = credentials.region ?? parseBucketUrl(baseUrl, addressing).region;
  return `accepted: requests are signed for the region ${region}`;
}

/** Checks a signed request: it gets the true 404 if its key may list the bucket. */
function checkSigned(stranger: ProbeResult): CheckResult {
  const [id, title] = ["storage.missing", "missing outputs"] as const;
  if (stranger.result === "absent") return pass(id, title, `answer ${stranger.detail}, since requests are signed`);
  const detail = `answer ${stranger.detail}: the key may not list the bucket, so no job is failed`;
  return warn(
    id,
    title,
    detail,
    "Give the key the permission to list the bucket (s3:ListBucket); for a Space, read access to the whole Space.",
  );
}

function checkMissing(
  key: string,
  meaning: Calibration,
  stranger: ProbeResult,
  visible: SeenOutput | null,
): CheckResult {
  const [id, title] = ["storage.missing", "missing outputs"] as const;
  if (meaning.kind === "missing-is-404") return pass(id, title, `answer HTTP 404: ${meaning.detail}`);
  if (meaning.kind === "missing-is-403") {
    return pass(id, title, `answer HTTP 403, as private ones would: ${meaning.detail}`);
  }
  if (visible === null) {
    const detail = `${meaning.detail}: this may mean "missing" or "private", so no job can be failed yet`;
    const next =
      "Wait: this resolves itself once one job was completed. Or configure a key (STUCK_JOBS_S3_ACCESS_KEY_ID): signed requests get a true 404.";
    return warn(id, title, detail, next);
  }
  const { sighting } = visible;
  if (sighting?.result === "unknown" && sighting.cause === "forbidden" && stranger.result === "unknown") {
    const detail = `get the same answer as a known output: ${meaning.detail}`;
    const next = `The bucket is private, the wrong one, or that file was deleted. Make the bucket public, configure a key (STUCK_JOBS_S3_ACCESS_KEY_ID), or correct ${key}.baseUrl.`;
    return fail("configuration", id, title, detail, next);
  }
  return warn(
    id,
    title,
    meaning.detail,
    `Check the bucket and ${key}.baseUrl. No job is failed until this is resolved.`,
  );
}

/** Checks for each operation whether the newest recorded output exists, and under a configured name. */
function checkOutputs(
  key: string,
  seen: readonly SeenOutput[],
  operations: readonly Operation[],
): readonly CheckResult[] {
  const [id, title] = ["storage.outputs", "outputs"] as const;
  const named = operations.filter(({ outputs }) => outputs.length > 0).map(({ name }) => name);
  const strange = seen.filter(({ operation, matches }) => !matches && named.includes(operation));
  const gone = seen.filter(({ matches, sighting }) => matches && sighting?.result !== "present");
  const fine = seen.filter((each) => each.matches && !gone.includes(each)).map(({ operation }) => operation);
  const unrecorded = named.filter((name) => !seen.some(({ operation }) => operation === name));
  const details = [
    ...(fine.length > 0
      ? [`the newest of ${fine.join(", ")} ${fine.length === 1 ? "is" : "are"} there under the configured names`]
      : []),
    ...(unrecorded.length > 0 ? [`${unrecorded.join(", ")}: no completed job records one`] : []),
  ];
  return [
    ...strange.map((output) => strangeOutput(key, output)),
    ...gone.map(({ operation, url, sighting }) =>
      warn(
        id,
        title,
        `the newest of ${operation}, ${url}, answers ${sighting?.detail}`,
        "Ignore this if the file was deleted. Otherwise check the bucket: recover would not see such an output.",
      ),
    ),
    ...(details.length > 0 ? [pass(id, title, details.join("; "))] : []),
  ];
}

function strangeOutput(key: string, { operation, url, sighting }: SeenOutput): CheckResult {
  const there =
    sighting === null ? "is elsewhere" : sighting.result === "present" ? "exists" : `answers ${sighting.detail}`;
  const detail = `the newest of ${operation}, ${url}, ${there}, but the configuration does not look for it there`;
  const next = `Correct ${key}.baseUrl, or add the name that ends ${fileNameOf(url)} to operations.${operation}.outputs.`;
  return warn("storage.outputs", "outputs", detail, next);
}

async function checkListing(
  key: string,
  probe: OutputProbe,
  random: () => number,
  signal: AbortSignal,
): Promise<CheckResult> {
  const [id, title] = ["storage.listing", "listing"] as const;
  const listing = await probe.list(randomId(random), signal);
  switch (listing.kind) {
    case "listed":
      return pass(id, title, "allowed: before a job is failed, all names that begin with its id are listed");
    case "no-bucket": {
      const next = `Correct ${key}.baseUrl: without a bucket, every output looks missing.`;
      return fail("configuration", id, title, `there is no such bucket (${listing.detail})`, next);
    }
    case "refused":
      return pass(
        id,
        title,
        `not allowed (${listing.detail}): before a job is failed, the names in ${key}.otherNames are probed`,
      );
    case "unknown":
      return warn(
        id,
        title,
        `not known: ${listing.detail}`,
        "Run doctor again: no job is failed without an answer to this.",
      );
  }
}
