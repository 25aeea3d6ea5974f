/** A whole request to the sandbox. */
export interface Request {
  readonly method: string;
  /** The path as it was sent, percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A whole answer. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An answer whose first half is sent; then the connection ends, or, with `stalls`, nothing more comes. */
export interface CutOff extends Reply {
  /** How HTTP would mark the end of the body. */
  readonly cutOff: "content-length" | "chunked";
  readonly stalls: boolean;
}

/** What is sent to the client; null: the connection ends without an answer. */
export type Response = Reply | CutOff | null;

/** Decodes percent escapes; returns null where that is not possible. */
export function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
