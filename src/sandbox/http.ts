/** A request to the sandbox, whole. */
export interface Request {
  readonly method: string;
  /** The path as it was sent, percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Its answer. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An answer of which the client gets the first half; then the connection ends, or, with `stalls`, nothing more comes. */
export interface CutOff extends Reply {
  /** Which of HTTP's ways to tell the end of a body is broken. */
  readonly cutOff: "content-length" | "chunked";
  readonly stalls: boolean;
}

/** What a client gets to see; null: the connection ends without an answer. */
export type Sent = Reply | CutOff | null;

/** Percent-decoded; null where that is not possible. */
export function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
