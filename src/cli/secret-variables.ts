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
