import { TimeoutError } from "./timeout.ts";

/** Why no whole answer came. */
export interface Failure {
  readonly kind: "failure";
  /** For people; names no more of the URL than its host. */
  readonly detail: string;
  /** The code of Node, OpenSSL or undici ("ECONNREFUSED"); `""` where there is none. */
  readonly code: string;
  /** Whether asking again cannot help. */
  readonly permanent: boolean;
  /** Whether the request was written to a connection: the server may have received it, and acted on it. */
  readonly sent: boolean;
}

/** An error whose message is ours, and can be shown as it is. */
export class TransportError extends Error {
  readonly code: string;
  readonly permanent: boolean;
  constructor(message: string, { code, permanent }: { readonly code: string; readonly permanent: boolean }) {
    super(message);
    this.name = "TransportError";
    this.code = code;
    this.permanent = permanent;
  }
}

/** Describes a network error by the codes of Node, OpenSSL and undici: the one table of such texts. */
export function describeNetworkError(error: Error, sent = false): Failure {
  const code = readCode(error);
  return { kind: "failure", detail: describe(code, error), code, permanent: isPermanent(code, error), sent };
}

/** What a request gets that is made after `close`, or that `close` ended. */
export const CLOSED = "the connections were closed";

function describe(code: string, error: Error): string {
  if (error instanceof TransportError || error instanceof TimeoutError) return error.message;
  if (isCertificateError(code)) return `certificate: ${cut(error.message)}${UNKNOWN_CA.includes(code) ? CA_HINT : ""}`;
  // undici's parser errors have a name, but not always a code.
  if (error.name === "HTTPParserError") return "not an HTTP answer";
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused (ECONNREFUSED)";
    case "ECONNRESET":
    case "EPIPE":
      return `connection reset (${code})`;
    case "UND_ERR_SOCKET":
      return "connection closed before the answer was complete";
    case "UND_ERR_DESTROYED":
    case "UND_ERR_CLOSED":
      return CLOSED;
    case "UND_ERR_HEADERS_OVERFLOW":
      return "answer with too many header bytes";
    case "UND_ERR_INVALID_ARG":
      return `request that cannot be sent: ${cut(error.message)}`;
    case "ENOTFOUND":
      return "host not found (ENOTFOUND)";
    case "EAI_AGAIN":
      return "host name could not be looked up (EAI_AGAIN)";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `host cannot be reached (${code})`;
    default:
      // OpenSSL's messages carry the thread and the source line: their code says as much.
      return code === "" ? cut(error.message) : `no answer (${code})`;
  }
}

function isPermanent(code: string, error: Error): boolean {
  if (error instanceof TransportError) return error.permanent;
  return isCertificateError(code) || ["UND_ERR_DESTROYED", "UND_ERR_CLOSED", "UND_ERR_INVALID_ARG"].includes(code);
}

/**
 * X.509 codes as in Node's docs (tls, "X509 certificate error codes"). TLS errors of the protocol itself (EPROTO,
 * ERR_SSL_*) may pass; certificates stay as they are.
 */
function isCertificateError(code: string): boolean {
  return (
    /^(CERT_|CRL_|UNABLE_TO_|ERROR_IN_C|ERR_TLS_CERT_)/.test(code) ||
    /SELF_SIGNED_CERT|^(HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED)$/.test(code)
  );
}

/** Certificates that no known authority has signed: those of a company's own authority, or of an intercepting proxy. */
const UNKNOWN_CA: readonly string[] = [
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
];

const CA_HINT = "; set NODE_EXTRA_CA_CERTS to a file with the certificate of its authority";

/** Messages of certificates hold what the server sent. */
function cut(message: string): string {
  return message.length <= 200 ? message : `${message.slice(0, 199)}…`;
}

function readCode(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}
