/** Airtable's personal access tokens and its older keys, wherever they come from. */
const TOKENS = /\b(?:pat[A-Za-z0-9]{14}\.[0-9a-f]{16,}|key[A-Za-z0-9]{14})\b/g;

/** The parts of a query string that open a door: those of AWS SigV4, SigV2 and common token names. */
const SIGNED =
  /([?&](?:X-Amz-[A-Za-z-]+|AWSAccessKeyId|Signature|Expires|token|access_token|api_?key|sig|secret)=)[^&\s"'<>\\]+/gi;

const AUTHORIZATION = /\b(Bearer|Basic|AWS4-HMAC-SHA256)\s+[^\s"',]+/g;

const USER_INFO = /(\bhttps?:\/\/)[^/\s:@]+:[^/\s@]+@/g;

/** Takes out what must not be shown: the secrets that are known, and what has the form of one. */
export function redact(text: string, secrets: Iterable<string>): string {
  let safe = text;
  for (const secret of secrets) {
    safe = safe.replaceAll(secret, "[redacted]").replaceAll(encodeURIComponent(secret), "[redacted]");
  }
  return safe
    .replace(TOKENS, "[redacted]")
    .replace(SIGNED, "$1[redacted]")
    .replace(AUTHORIZATION, "$1 [redacted]")
    .replace(USER_INFO, "$1[redacted]@");
}
