/** Why a probe was inconclusive. */
export type UnknownCause =
  /** 401 or 403: missing or private; calibration may find out which. */
  | "forbidden"
  /** No usable answer: refused, reset, timed out, TLS, DNS, 5xx, 429. */
  | "unreachable"
  /** Something is there that cannot be the output: empty, HTML, XML. */
  | "suspect"
  /** A "missing" that a cache may have kept from earlier. */
  | "cached"
  /** A redirect out of the configured bucket, or too many redirects. */
  | "redirected"
  /** Any other answer. */
  | "unexpected";

/** An object that is there, as the storage describes it. */
export interface Output {
  readonly url: string;
  readonly bytes: number;
  readonly contentType: string | null;
  readonly etag: string | null;
  /** ISO 8601, or null where the answer had none. */
  readonly lastModified: string | null;
}

/** The result of probing one URL. `detail` is for people: "HTTP 200", "timed out after 10 s". */
export type ProbeResult =
  | { readonly result: "present"; readonly url: string; readonly detail: string; readonly output: Output }
  | { readonly result: "absent"; readonly url: string; readonly detail: string }
  | { readonly result: "unknown"; readonly url: string; readonly detail: string; readonly cause: UnknownCause };

/** The probe results for the files of one alternative, which have to be there together; mostly one file. */
export type ProbeGroup = readonly ProbeResult[];

/** What "missing" looks like in the bucket, found out with keys whose state is known. */
export type Calibration =
  /** A random key answered 404: that is how this bucket says "missing". */
  | { readonly kind: "missing-is-404"; readonly detail: string }
  /** A random key answered 403 and a known output 200: 403 means "missing" here. */
  | { readonly kind: "missing-is-403"; readonly detail: string }
  /** Neither could be established: no answer of this bucket proves an absence. */
  | { readonly kind: "failed"; readonly detail: string };

/**
 * What a provider says of one job. `detail` is for people and holds no secret; `worker` names what ran it (NCA: the
 * queue of a worker), so that jobs which died of one cause can be reported together; null where that is not known.
 */
export type ProviderAnswer = { readonly detail: string; readonly worker: string | null } & (
  | /** Queued or running. */ { readonly kind: "running" }
  /** Ended well; `urls` are the outputs as it names them, which may be none. */
  | { readonly kind: "succeeded"; readonly urls: readonly string[] }
  /** Ended with an error; `error` is its own reason. */
  | { readonly kind: "failed"; readonly error: string }
  /** It knows no such job: never had it, or forgot it. */
  | { readonly kind: "forgotten" }
  /** No usable answer. */
  | { readonly kind: "unknown" }
);

/** What a provider was asked, what it answered, and the probe results for the outputs that it named. */
export interface ProviderReply {
  readonly provider: string;
  /** Where it was asked. */
  readonly url: string;
  readonly answer: ProviderAnswer;
  readonly probes: readonly ProbeResult[];
}

/** What was gathered for one job. `providerReply` is null where no provider was asked. */
export interface GatheredEvidence {
  readonly probeGroups: readonly ProbeGroup[];
  readonly providerReply: ProviderReply | null;
}

/** What all probes for one job's output add up to. */
export type StorageEvidence =
  /** `others` are the further files of an output that has several. */
  | { readonly kind: "present"; readonly output: Output; readonly others: readonly Output[] }
  /** Some files of an output that has several are there, and not all. */
  | { readonly kind: "partial"; readonly there: number; readonly of: number }
  | { readonly kind: "absent" }
  | { readonly kind: "unknown"; readonly cause: UnknownCause }
  /** The operation has no names to probe: only its provider knows where its outputs are. */
  | { readonly kind: "no-names" };

/** What a provider's answer amounts to. `detail` is for people. */
export type ProviderEvidence = { readonly detail: string } & (
  | { readonly kind: "running" }
  /** `output` is null where what it named cannot be seen. */
  | { readonly kind: "succeeded"; readonly output: Output | null; readonly others: readonly Output[] }
  | { readonly kind: "failed"; readonly error: string }
  /** It forgot the job, never had it, or did not answer. */
  | { readonly kind: "silent" }
);

/** All that is known of one job's output. `provider` is null where none was asked. */
export interface Evidence {
  readonly storage: StorageEvidence;
  readonly provider: ProviderEvidence | null;
}

/** Order of precedence when probes were inconclusive for different reasons. */
const CAUSE_PRIORITY: readonly UnknownCause[] = [
  "suspect",
  "unreachable",
  "redirected",
  "cached",
  "unexpected",
  "forbidden",
];

/**
 * Combines the probe results for all the names that an output may have. One alternative that is there is enough; absent
 * takes every one of them. Before calibration (`null`) a 404 counts as absent and a 403 as unknown, which only ever
 * leads to calibration.
 */
export function combine(groups: readonly ProbeGroup[], calibration: Calibration | null): StorageEvidence {
  let partial: StorageEvidence | null = null;
  for (const group of groups) {
    const there: Output[] = [];
    for (const probe of group) if (probe.result === "present") there.push(probe.output);
    const [output] = there;
    if (output === undefined) continue;
    if (there.length === group.length) return { kind: "present", output, others: there.slice(1) };
    partial = { kind: "partial", there: there.length, of: group.length };
  }
  if (partial !== null) return partial;
  const probes = groups.flat();
  const causes = probes.map((probe) => findCause(probe, calibration)).filter((cause) => cause !== null);
  const cause = CAUSE_PRIORITY.find((candidate) => causes.includes(candidate));
  if (cause !== undefined) return { kind: "unknown", cause };
  return probes.length === 0 ? { kind: "no-names" } : { kind: "absent" };
}

/** Returns why a probe proves nothing; null where it proves that the output is there, or is missing. */
function findCause(probe: ProbeResult, calibration: Calibration | null): UnknownCause | null {
  switch (probe.result) {
    case "present":
      return null;
    case "absent":
      return calibration === null || calibration.kind === "missing-is-404" ? null : "unexpected";
    case "unknown":
      return probe.cause === "forbidden" && calibration?.kind === "missing-is-403" ? null : probe.cause;
  }
}

/** Returns what a provider's reply amounts to; null where none was asked. */
export function toProviderEvidence(reply: ProviderReply | null): ProviderEvidence | null {
  if (reply === null) return null;
  const { provider, answer, probes } = reply;
  const detail = `${provider}: ${answer.detail}`;
  switch (answer.kind) {
    case "running":
      return { kind: "running", detail };
    case "failed":
      return { kind: "failed", error: answer.error, detail };
    case "forgotten":
    case "unknown":
      return { kind: "silent", detail };
    case "succeeded": {
      const outputs = probes.flatMap((probe): readonly Output[] => (probe.result === "present" ? [probe.output] : []));
      const [output = null, ...others] = outputs.length === probes.length ? outputs : [];
      if (output !== null) return { kind: "succeeded", output, others, detail };
      const unseen = probes.find(({ result }) => result !== "present");
      const why = unseen === undefined ? "it names no output" : `its output answers ${unseen.detail}`;
      return { kind: "succeeded", output, others, detail: `${detail}, but ${why}` };
    }
  }
}

/** Whether a URL is that of an object by this name, with its folders, below some prefix. */
export function isUrlOf(url: string, name: string): boolean {
  const path = decode(pathOf(url));
  return path === name || path.endsWith(`/${name}`);
}

/** Returns the last part of a URL's path, decoded: the name under which Airtable files what it fetched from there. */
export function fileNameOf(url: string): string {
  const path = pathOf(url);
  return decode(path.slice(path.lastIndexOf("/") + 1));
}

/** Returns the path of a URL; a text that is none stays as it is. */
function pathOf(url: string): string {
  try {
    return new URL(url).pathname;
  } catch (error) {
    if (error instanceof TypeError) return url;
    throw error;
  }
}

/** Decodes percent-escapes; a text with an invalid one stays as it is. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
