/** Why the base could not be asked. The exit code follows from it. */
export type UpstreamErrorCode = "auth" | "config" | "unavailable";

/**
 * The base refused or could not be reached; nothing that was asked for is known.
 * `message` says what was tried and what came back, `hint` what to do about it.
 */
export class UpstreamError extends Error {
  readonly code: UpstreamErrorCode;
  readonly hint: string | null;
  constructor(code: UpstreamErrorCode, message: string, hint: string | null = null, options?: ErrorOptions) {
    super(message, options);
    this.name = "UpstreamError";
    this.code = code;
    this.hint = hint;
  }
}

/** The token itself is refused: no request can succeed. */
export class TokenRefused extends UpstreamError {
  constructor(message: string, hint: string | null) {
    super("auth", message, hint);
    this.name = "TokenRefused";
  }
}

/** One table of targets is refused; the jobs and the other tables may be accessible all the same. */
export class TableRefused extends UpstreamError {
  readonly table: string;
  constructor(table: string, { code, message, hint }: UpstreamError) {
    super(code, message, hint);
    this.name = "TableRefused";
    this.table = table;
  }
}

/** The store takes no write of a sweep: found before the first one, so that nothing was written. */
export class WritesRefused extends UpstreamError {
  constructor({ code, message, hint }: UpstreamError, options?: ErrorOptions) {
    super(code, message, hint, options);
    this.name = "WritesRefused";
  }
}

/**
 * Returns an error that came before the first write as `WritesRefused`. One of a store that is only unavailable, and any
 * other, is returned as it is.
 */
export function asWritesRefused(error: unknown): unknown {
  const isRefusal = error instanceof UpstreamError && error.code !== "unavailable";
  return isRefusal ? new WritesRefused(error, { cause: error }) : error;
}

/** Whether an error means that the base could not be asked, as opposed to an internal error. */
export function isUpstreamError(error: unknown): error is UpstreamError {
  return error instanceof UpstreamError;
}

/**
 * The storage refused our credentials, clock, region or bucket name: nothing that it says of an output can be trusted.
 * `code` is the server's own ("SignatureDoesNotMatch"), `message` says what was asked and holds no secret, `hint` says
 * what to do about it.
 */
export class StorageConfigError extends Error {
  readonly code: string;
  readonly hint: string;
  constructor(code: string, message: string, hint: string) {
    super(message);
    this.name = "StorageConfigError";
    this.code = code;
    this.hint = hint;
  }
}

/** A journal that is required cannot be written. `message` says what was tried and what came back. */
export class JournalError extends Error {
  readonly hint: string;
  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "JournalError";
    this.hint = hint;
  }
}

/** What cuts a sweep short and is no internal error. */
export type UpstreamFailure = UpstreamError | StorageConfigError | JournalError;

/** Whether an error means that base, storage or journal refused us, as opposed to an internal error. */
export function isUpstreamFailure(error: unknown): error is UpstreamFailure {
  return isUpstreamError(error) || error instanceof StorageConfigError || error instanceof JournalError;
}
