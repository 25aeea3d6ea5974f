import type { Settings } from "../config/settings.ts";
import { type Calibration, fileNameOf, type ProbeResult } from "../core/domain/evidence.ts";
import type { Instant } from "../core/domain/job.ts";
import type { Operation } from "../core/domain/operation.ts";
import { StorageConfigError, UpstreamError } from "../core/ports/errors.ts";
import type { JobStore, OutputProbe } from "../core/ports/ports.ts";
import { calibrate, randomId } from "../core/sweep/probe/calibrate-missing.ts";
import { completedOutputs } from "../core/sweep/probe/known-outputs.ts";
import { parseBucketUrl } from "../storage/bucket-url.ts";
import { type CheckResult, fail, pass, warn } from "./check-result.ts";

/** The newest output of an operation that a completed job has on record. */
export interface KnownOutput {
  readonly operation: string;
  readonly url: string;
  /** Whether the configuration would look for it there. */
  readonly matches: boolean;
}

/** An output that a completed job recorded, and its probe; null where it is stored elsewhere. */
export interface SeenOutput extends KnownOutput {
  readonly sighting: ProbeResult | null;
}

export type StorageSettings = Pick<Settings["storage"], "baseUrl" | "addressing" | "credentials">;

/** Returns the newest recorded output of each operation, with one to three requests to the base; none where they fail. */
export async function knownOutputs(
  store: JobStore,
  probe: OutputProbe,
  operations: readonly Operation[],
  now: Instant,
  signal: AbortSignal,
): Promise<readonly KnownOutput[]> {
  try {
    const { byOperation } = await completedOutputs(operations, now, { store, probe, operations, signal });
    return [...byOperation].flatMap(([operation, outputs]) => {
      const newest = outputs.toSorted((one, other) => other.at - one.at).find(({ recorded }) => recorded !== null);
      if (newest === undefined || newest.recorded === null) return [];
      const url = newest.recorded;
      return [{ operation, url, matches: newest.expected.some((expected) => probe.isSameObject(expected, url)) }];
    });
  } catch (error) {
    // The check of the listing reports why the base does not answer.
    if (error instanceof UpstreamError) return [];
    throw error;
  }
}

/**
 * Checks whether the bucket answers, with which credentials, what it answers for missing files, whether it can be listed,
 * and whether the recorded outputs are visible under the configured names.
 */
export async function checkStorage(
  storage: StorageSettings,
  probe: OutputProbe,
  operations: readonly Operation[],
  known: readonly KnownOutput[],
  random: () => number,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  try {
    const seen: SeenOutput[] = [];
    for (const output of known) {
      // A recorded URL is requested only where it is in the configured bucket.
      const isThere = URL.canParse(output.url) && new URL(output.url).origin === new URL(storage.baseUrl).origin;
      seen.push({ ...output, sighting: isThere ? await probe.probe(output.url, signal) : null });
    }
    const stranger = await probe.probe(probe.urlFor(`${randomId(random)}.mp4`), signal);
    const unreachable = checkAnswer(storage.baseUrl, stranger);
    if (unreachable !== null) return [unreachable];
    const looked = seen.filter(({ sighting }) => sighting !== null);
    const visible = looked.find(({ sighting }) => sighting?.result === "present") ?? looked[0] ?? null;
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
      probe.signed ? checkSigned(stranger) : checkMissing(meaning, stranger, visible),
      ...checkOutputs(seen, operations),
      await checkListing(probe, random, signal),
    ];
  } catch (error) {
    if (!(error instanceof StorageConfigError)) throw error;
    return [fail("configuration", "storage.credentials", "credentials", error.message, error.hint)];
  }
}

/** The external id in example names; calibration replaces it by random ones. */
const EXAMPLE = "00000000-0000-4000-8000-000000000000";

function exampleNames(operations: readonly Operation[]): readonly (readonly string[])[] {
  const patterns = operations.flatMap(({ outputs }) => outputs.map(({ pattern }) => pattern));
  const plain = patterns.find((pattern) => /^[^{}]*\{externalId\}[^{}]*$/.test(pattern)) ?? "{externalId}.mp4";
  return [[plain.replace("{externalId}", EXAMPLE)]];
}

/** Checks the answer for a random key; null where it shows that the bucket can be probed. */
function checkAnswer(baseUrl: string, stranger: ProbeResult): CheckResult | null {
  const [id, title] = ["storage", "storage"] as const;
  if (stranger.result === "present") {
    const detail = `${baseUrl} answers ${stranger.detail} for a key that nobody has`;
    const next = "Correct storage.baseUrl: it leads to a server that has a page for everything, not to a bucket.";
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
        "Correct storage.baseUrl: the bucket is in another region, or elsewhere.",
      );
    case "cached":
      return fail(
        "configuration",
        id,
        title,
        detail,
        "Name the bucket's own host in storage.baseUrl, not a CDN's: it caches a no.",
      );
    case "suspect":
    case "unexpected":
      return fail("configuration", id, title, detail, "Correct storage.baseUrl: no bucket answers like that.");
    case "unreachable":
      return fail(
        "upstream",
        id,
        title,
        detail,
        "Look at the storage's status page, at storage.baseUrl, and at this machine's network.",
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
  const detail = `answer ${stranger.detail}: the key may not list the bucket, so that no job is failed`;
  return warn(
    id,
    title,
    detail,
    "Give the key the right to list the bucket (s3:ListBucket), or the Space read access as a whole.",
  );
}

function checkMissing(meaning: Calibration, stranger: ProbeResult, visible: SeenOutput | null): CheckResult {
  const [id, title] = ["storage.missing", "missing outputs"] as const;
  if (meaning.kind === "missing-is-404") return pass(id, title, `answer HTTP 404: ${meaning.detail}`);
  if (meaning.kind === "missing-is-403") {
    return pass(id, title, `answer HTTP 403, as this place hides what is missing: ${meaning.detail}`);
  }
  if (visible === null) {
    const detail = `${meaning.detail}: it means "missing or private", so that no job can be failed yet`;
    const next =
      "Nothing, once one job was completed; or configure a key (STUCK_JOBS_S3_ACCESS_KEY_ID): signed requests get a true 404.";
    return warn(id, title, detail, next);
  }
  const { sighting } = visible;
  if (sighting?.result === "unknown" && sighting.cause === "forbidden" && stranger.result === "unknown") {
    const detail = `answer as outputs that are there do: ${meaning.detail}`;
    const next =
      "The bucket is private, the wrong one, or that file was deleted. Open it, or give a key (STUCK_JOBS_S3_ACCESS_KEY_ID), or correct storage.baseUrl.";
    return fail("configuration", id, title, detail, next);
  }
  return warn(
    id,
    title,
    meaning.detail,
    "Look at the bucket and at storage.baseUrl; until this is clear no job is failed.",
  );
}

/** Checks for each operation whether the newest recorded output exists, and under a configured name. */
function checkOutputs(seen: readonly SeenOutput[], operations: readonly Operation[]): readonly CheckResult[] {
  const [id, title] = ["storage.outputs", "outputs"] as const;
  const named = operations.filter(({ outputs }) => outputs.length > 0).map(({ name }) => name);
  const strange = seen.filter(({ operation, matches }) => !matches && named.includes(operation));
  const gone = seen.filter(({ matches, sighting }) => matches && sighting?.result !== "present");
  const fine = seen.filter((each) => each.matches && !gone.includes(each)).map(({ operation }) => operation);
  const unrecorded = named.filter((name) => !seen.some(({ operation }) => operation === name));
  const details = [
    ...(fine.length > 0
      ? [`the newest of ${fine.join(", ")} ${fine.length === 1 ? "is" : "are"} there by the configured names`]
      : []),
    ...(unrecorded.length > 0 ? [`${unrecorded.join(", ")}: no completed job has one on record`] : []),
  ];
  return [
    ...strange.map((output) => strangeOutput(output)),
    ...gone.map(({ operation, url, sighting }) =>
      warn(
        id,
        title,
        `the newest of ${operation}, ${url}, answers ${sighting?.detail}`,
        "Nothing, if it was deleted. Else look at the bucket: recover would not see such an output.",
      ),
    ),
    ...(details.length > 0 ? [pass(id, title, details.join("; "))] : []),
  ];
}

function strangeOutput({ operation, url, sighting }: SeenOutput): CheckResult {
  const there =
    sighting === null ? "lies elsewhere" : sighting.result === "present" ? "is there" : `answers ${sighting.detail}`;
  const detail = `the newest of ${operation}, ${url}, ${there}, but the configuration would not look for it`;
  const next = `Correct storage.baseUrl, or add the name that ends ${fileNameOf(url)} to operations.${operation}.outputs.`;
  return warn("storage.outputs", "outputs", detail, next);
}

async function checkListing(probe: OutputProbe, random: () => number, signal: AbortSignal): Promise<CheckResult> {
  const [id, title] = ["storage.listing", "listing"] as const;
  const listing = await probe.list(randomId(random), signal);
  switch (listing.kind) {
    case "listed":
      return pass(id, title, "allowed: before a job is failed, all names with its id are looked through");
    case "no-bucket": {
      const next = "Correct storage.baseUrl: where there is no bucket, every output is answered as missing.";
      return fail("configuration", id, title, `there is no such bucket (${listing.detail})`, next);
    }
    case "refused":
      return pass(
        id,
        title,
        `not allowed (${listing.detail}): before a job is failed, storage.otherNames are looked for`,
      );
    case "unknown":
      return warn(
        id,
        title,
        `not known: ${listing.detail}`,
        "Run doctor again; jobs are only failed when this is answered.",
      );
  }
}
