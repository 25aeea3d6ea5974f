import { DatabaseError } from "pg";
import type { UpstreamErrorCode } from "../core/ports/errors.ts";
import { describeNetworkError } from "../http/errors.ts";

/** Why the database did not do what it was asked. `message` holds no secret, `hint` says what to do about it. */
export type DatabaseFailure = { readonly message: string } & (
  | /** The password, the user or a right was refused. */ { readonly kind: "auth"; readonly hint: string }
  /** A database, table, column, type or value that is not there: asking again cannot help. */
  | { readonly kind: "config"; readonly hint: string }
  /** The server is away, is full or takes too long. `transient`: it may answer soon. */
  | { readonly kind: "unavailable"; readonly transient: boolean; readonly hint: string | null }
  /** The statement took longer than it may. */
  | { readonly kind: "slow"; readonly hint: string }
  /** Another transaction came in between: the same one, begun again, may go through. */
  | { readonly kind: "conflict" }
  /** Another transaction holds the row. */
  | { readonly kind: "locked" }
  /** This row's values were refused: by a type, a constraint or a trigger. */
  | { readonly kind: "value" }
);

/** Says what an error of the driver means; null for one that is neither the server's nor the network's. */
export function classifyDatabaseError(error: unknown): DatabaseFailure | null {
  if (error instanceof DatabaseError) return classifyState(error);
  if (!(error instanceof Error)) return null;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (error.message.startsWith("The server does not support SSL")) {
    return { kind: "config", message: "the server offers no TLS", hint: HINTS.noTls };
  }
  if (DRIVER.test(error.message))
    return { kind: "unavailable", message: WORDS[error.message] ?? error.message, ...SOON };
  if (/password must be a/.test(error.message)) return { kind: "auth", message: NO_PASSWORD, hint: HINTS.password };
  if (AUTHENTICATION.test(error.message)) return { kind: "auth", message: error.message, hint: HINTS.password };
  if (code === "") return null;
  const { detail, permanent } = describeNetworkError(error);
  if (permanent) return { kind: "config", message: detail, hint: HINTS.certificate };
  if (code === "ENOENT") return { kind: "config", message: error.message, hint: HINTS.file };
  return { kind: "unavailable", message: detail, ...SOON };
}

/**
 * Whether a function of the database raised an error, such as a trigger's: then it is about the rows that are written,
 * whatever its code says. What a function meets that passes, or that is the server's, is not.
 */
export function isRaisedByFunction(error: unknown): boolean {
  if (!(error instanceof DatabaseError) || error.severity !== "ERROR") return false;
  return /PL\/\w|SQL function/.test(error.where ?? "") && !/^(40|53|55P03|57|58)/.test(error.code ?? "");
}

/** The exit code's part of a failure that ends a run. A read has no values but those of the configuration. */
export function upstreamCode({ kind }: DatabaseFailure): UpstreamErrorCode {
  if (kind === "value") return "config";
  return kind === "auth" || kind === "config" ? kind : "unavailable";
}

const SOON = { transient: true, hint: null };

/** The driver's own words for a connection that ended, and for one that took too long. */
const DRIVER =
  /^(Connection terminated|timeout exceeded|timeout expired|Client has encountered|There was an error est)/;

/** The driver's own words where it cannot prove who it is, or who the server is. */
const AUTHENTICATION = /^SASL: /;

const NO_PASSWORD = "the server wants a password, and the database URL holds none";

const WORDS: Readonly<Record<string, string>> = {
  "Connection terminated unexpectedly": "connection closed before the answer was whole",
  "timeout expired": "no connection within the time limit",
  "timeout exceeded when trying to connect": "no connection within the time limit",
};

function classifyState(error: DatabaseError): DatabaseFailure {
  const state = error.code ?? "";
  const message = `${error.message} (SQLSTATE ${state})`;
  const [hint] = HINT_BY_STATE.flatMap(([pattern, text]) => (pattern.test(state) ? [text] : []));
  if (/^(40001|40P01)$/.test(state)) return { kind: "conflict", message };
  if (state === "55P03") return { kind: "locked", message };
  if (state === "57014") return { kind: "slow", message, hint: HINTS.slow };
  if (state === "28000" && /no encryption/.test(error.message))
    return { kind: "config", message, hint: HINTS.needsTls };
  if (/^(28|42501)/.test(state)) return { kind: "auth", message, hint: hint ?? HINTS.password };
  // Neither a table nor a column, but a value that the configuration names: a label that an enumeration lacks.
  if (state === "22P02" && /enum/.test(error.message)) return { kind: "config", message, hint: HINTS.label };
  if (/^(22|23|P0|44|27|38|39|09)/.test(state)) return { kind: "value", message };
  if (/^(08|53|57|58|XX|25006|25P03)/.test(state)) {
    return { kind: "unavailable", message, transient: !/^(53100|25006|58)/.test(state), hint: hint ?? null };
  }
  return { kind: "config", message, hint: hint ?? HINTS.names };
}

const HINTS = {
  password: "Check the user and the password in STUCK_JOBS_DATABASE_URL, or the file it is read from.",
  rights: "Grant the role what docs/postgresql.md lists: SELECT and UPDATE of the configured columns.",
  database: "Check the database's name in STUCK_JOBS_DATABASE_URL.",
  names: "Check jobs.table, jobs.id, jobs.fields and each operation's target; stuck-jobs doctor lists what is there.",
  label: "Check stuckStatuses, completedStatus and failedStatus: the type of the status column has no such value.",
  needsTls:
    "Say sslmode=verify-full in the database URL, or sslmode=require: the server takes encrypted connections alone.",
  noTls: "Turn TLS on at the server, or say sslmode=disable in the database URL where the network is trusted.",
  certificate: "Name the authority's certificate with sslrootcert=, or check the host name in the database URL.",
  file: "Check the files that the database URL names.",
  slow: "Raise postgres.statementTimeout, or add the index that stuck-jobs doctor proposes.",
  replica: "The server takes no writes: connect to the primary.",
  connections: "The server has no free connection: lower postgres.connections, or put a pooler before it.",
} as const;

const HINT_BY_STATE: readonly (readonly [RegExp, string])[] = [
  [/^42501$/, HINTS.rights],
  [/^28P01$/, HINTS.password],
  [/^3D000$/, HINTS.database],
  [/^(42|3F)/, HINTS.names],
  [/^25006$/, HINTS.replica],
  [/^53300$/, HINTS.connections],
];
