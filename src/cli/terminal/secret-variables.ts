/** Variables whose values are never shown, whatever becomes of them. */
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

/** The sandbox's own token opens nothing but the sandbox, and `sandbox serve` prints it. */
const NO_SECRET = "patSandbox00000.sandbox";

/** The secrets that the environment holds, as they stand there. */
export function readSecrets(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return SECRET_VARIABLES.flatMap((name) => env[name] ?? []).filter((secret) => secret !== NO_SECRET);
}
