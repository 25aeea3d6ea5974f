/** Why a look at a URL taught nothing. */
export type UnknownCause =
  /** 401 or 403: missing or private; calibration may tell which. */
  | "forbidden"
  /** No answer that says anything: refused, reset, timed out, TLS, DNS, 5xx, 429. */
  | "unreachable"
  /** Something is there that cannot be the output: empty, HTML, XML. */
  | "suspect"
  /** A "no" that a cache may have kept from earlier. */
  | "cached"
  /** A redirect out of the place that was configured, or too many. */
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

/** One look at one URL. `detail` is for people: "HTTP 200", "timed out after 10 s". */
export type ProbeResult =
  | { readonly result: "present"; readonly url: string; readonly detail: string; readonly output: Output }
  | { readonly result: "absent"; readonly url: string; readonly detail: string }
  | { readonly result: "unknown"; readonly url: string; readonly detail: string; readonly cause: UnknownCause };

/** What a sweep learnt of the place where outputs lie, from keys whose state is known. */
export type Calibration =
  /** A random key answered 404: that is how this place says "missing". */
  | { readonly kind: "missing-is-404"; readonly detail: string }
  /** A random key answered 403 and a known output 200: 403 means "missing" here. */
  | { readonly kind: "missing-is-403"; readonly detail: string }
  /** Neither could be established: no answer from this place proves an absence. */
  | { readonly kind: "failed"; readonly detail: string };

/** The looks at the files of one alternative, which have to be there together; mostly one. */
export type ProbeGroup = readonly ProbeResult[];

/** What all looks for one job's output add up to. */
export type StorageEvidence =
  /** `others` are the further files of an output that has several. */
  | { readonly kind: "present"; readonly output: Output; readonly others: readonly Output[] }
  /** Some files of an output that has several are there, and not all. */
  | { readonly kind: "partial"; readonly there: number; readonly of: number }
  | { readonly kind: "absent" }
  | { readonly kind: "unknown"; readonly cause: UnknownCause }
  /** The operation has no names to look for: only its provider knows where its outputs are. */
  | { readonly kind: "nowhere" };

/**
 * What a provider says of one job. `detail` is for people and holds no secret; `herd` names what ran it (NCA: the
 * queue of a worker), so that jobs which died of one cause can be told together; null where that is not known.
 */
export type ProviderAnswer = { readonly detail: string; readonly worker: string | null } & (
  | /** Queued or at work. */ { readonly kind: "running" }
  /** Done, and well; `urls` are the outputs as it names them, which may be none. */
  | { readonly kind: "succeeded"; readonly urls: readonly string[] }
  /** Done, and not well; `error` is its own reason. */
  | { readonly kind: "failed"; readonly error: string }
  /** It knows no such job: never had it, or forgot. */
  | { readonly kind: "forgotten" }
  /** No answer that says anything. */
  | { readonly kind: "unknown" }
);

/** What a provider was asked, and what it answered; `looks` at the outputs that it named. */
export interface ProviderReply {
  readonly provider: string;
  /** Where it was asked. */
  readonly url: string;
  readonly answer: ProviderAnswer;
  readonly probes: readonly ProbeResult[];
}

/** What a provider's answer comes to. `detail` is for people. */
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

/** The cause that is told when several looks failed for several reasons: the most telling first. */
const CAUSE_PRIORITY: readonly UnknownCause[] = [
  "suspect",
  "unreachable",
  "redirected",
  "cached",
  "unexpected",
  "forbidden",
];

/**
 * Weighs the looks at all the names that an output may have. One alternative that is there is enough; absent takes
 * every one of them. Before calibration (`null`) a 404 counts as absent and a 403 as unknown, which only ever leads to
 * asking for it.
 */
export function combine(looks: readonly ProbeGroup[], calibration: Calibration | null): StorageEvidence {
  let partial: StorageEvidence | null = null;
  for (const look of looks) {
    const [output, ...others] = look.flatMap((sighting) => (sighting.result === "present" ? [sighting.output] : []));
    if (output === undefined) continue;
    if (others.length === look.length - 1) return { kind: "present", output, others };
    partial = { kind: "partial", there: others.length + 1, of: look.length };
  }
  if (partial !== null) return partial;
  const probes = looks.flat();
  const causes = probes.map((sighting) => causeOf(sighting, calibration)).filter((cause) => cause !== null);
  const cause = CAUSE_PRIORITY.find((candidate) => causes.includes(candidate));
  if (cause !== undefined) return { kind: "unknown", cause };
  return probes.length === 0 ? { kind: "nowhere" } : { kind: "absent" };
}

function causeOf(sighting: ProbeResult, calibration: Calibration | null): UnknownCause | null {
  switch (sighting.result) {
    case "present":
      return null;
    case "absent":
      return calibration === null || calibration.kind === "missing-is-404" ? null : "unexpected";
    case "unknown":
      return sighting.cause === "forbidden" && calibration?.kind === "missing-is-403" ? null : sighting.cause;
  }
}

/** The last part of an URL's path, decoded: the name under which Airtable files what it fetched from there. */
export function fileNameOf(url: string): string {
  const path = URL.canParse(url) ? new URL(url).pathname : url;
  const last = path.slice(path.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(last);
  } catch (error) {
    if (error instanceof URIError) return last;
    throw error;
  }
}
