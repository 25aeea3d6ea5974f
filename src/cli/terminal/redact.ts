/** Airtable's personal access tokens and older API keys. */
const TOKENS = /\b(?:pat[A-Za-z0-9]{14}\.[0-9a-f]{16,}|key[A-Za-z0-9]{14})\b/g;

/** Query parameters that grant access: SigV2, Google's signed URLs and common token names. */
const SIGNED =
  /([?&](?:X-Goog-[A-Za-z-]+|AWSAccessKeyId|Signature|Expires|token|access_token|api_?key|sig|secret)=)[^&\s"'<>\\]+/gi;

/** Parameters of AWS SigV4, also after `&amp;` in XML or encoded into another URL. */
const SIGV4 = /(X-Amz-[A-Za-z-]+(?:=|%3D))(?:(?!%26)[^&\s"'<>\\])+/gi;

const SIGV4_HEADER = /\b(AWS4-HMAC-SHA256)\s+Credential=[^"'\n]*?Signature=[0-9a-f]+/g;

const AUTHORIZATION = /\b(Bearer|Basic)\s+[^\s"',]+/g;

const USER_INFO = /(\bhttps?:\/\/)[^/\s:@]+:[^/\s@]+@/g;

/** Replaces the known secrets, and everything that has the form of one, by "[redacted]". */
export function redact(text: string, secrets: Iterable<string>): string {
  let safe = text;
  for (const secret of secrets) {
    safe = safe.replaceAll(secret, "[redacted]").replaceAll(encodeURIComponent(secret), "[redacted]");
  }
  return safe
    .replace(TOKENS, "[redacted]")
    .replace(SIGNED, "$1[redacted]")
    .replace(SIGV4, "$1[redacted]")
    .replace(SIGV4_HEADER, "$1 [redacted]")
    .replace(AUTHORIZATION, "$1 [redacted]")
    .replace(USER_INFO, "$1[redacted]@");
}
/** Environment variables whose values are never printed, whether or not the configuration uses them. */
export const SECRET_VARIABLES: readonly string[] = [
  "AIRTABLE_API_KEY",
  "AIRTABLE_TOKEN",
  "NCA_API_KEY",
  "GOAPI_API_KEY",
  "STUCK_JOBS_S3_SECRET_ACCESS_KEY",
  "NCA_S3_SECRET_KEY",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "STUCK_JOBS_WEBHOOK_SECRET",
];

/** The sandbox's token is public: `sandbox serve` prints it. */
const NO_SECRET = "patSandbox00000.sandbox";

/** Returns the secrets in the environment. */
export function readSecrets(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return SECRET_VARIABLES.flatMap((name) => env[name] ?? []).filter((secret) => secret !== NO_SECRET);
}
