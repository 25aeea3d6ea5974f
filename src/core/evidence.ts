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
export type Sighting =
  | { readonly result: "present"; readonly url: string; readonly detail: string; readonly output: Output }
  | { readonly result: "absent"; readonly url: string; readonly detail: string }
  | { readonly result: "unknown"; readonly url: string; readonly detail: string; readonly cause: UnknownCause };
