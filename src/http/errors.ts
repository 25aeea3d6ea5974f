/** No answer came. `lasting`: asking again cannot help. */
export interface Failure {
  readonly kind: "failure";
  /** For people; holds no part of the URL but the host. */
  readonly detail: string;
  readonly permanent: boolean;
}

/** Says in words why there was no answer, from the codes of Node, OpenSSL and undici. */
export function describeNetworkError(error: Error): Failure {
  const code = codeOf(error);
  if (isCertificateFault(code)) return { kind: "failure", detail: `certificate: ${error.message}`, permanent: true };
  if (code === "UND_ERR_DESTROYED" || code === "UND_ERR_CLOSED") return CLOSED;
  return { kind: "failure", detail: words(code, error), permanent: false };
}

export const CLOSED: Failure = { kind: "failure", detail: "the probe was closed", permanent: true };

function words(code: string, error: Error): string {
  // undici's parser errors have a name, but not always a code.
  if (error.name === "HTTPParserError") return "not an HTTP answer";
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused (ECONNREFUSED)";
    case "ECONNRESET":
    case "EPIPE":
      return "connection reset";
    case "UND_ERR_SOCKET":
      return "connection closed before the answer was whole";
    case "ENOTFOUND":
      return "host not found (ENOTFOUND)";
    case "EAI_AGAIN":
      return "host name could not be looked up (EAI_AGAIN)";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `host cannot be reached (${code})`;
    default:
      // OpenSSL's messages carry the thread and the source line: their code says as much.
      return code === "" ? error.message : `no answer (${code})`;
  }
}

/**
 * X.509 codes as in Node's docs (tls, "X509 certificate error codes"). TLS faults of the protocol itself
 * (EPROTO, ERR_SSL_*) may pass, certificates stay as they are.
 */
function isCertificateFault(code: string): boolean {
  return (
    /^(CERT_|CRL_|UNABLE_TO_|ERROR_IN_C|ERR_TLS_CERT_)/.test(code) ||
    /SELF_SIGNED_CERT|^(HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED)$/.test(code)
  );
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}
