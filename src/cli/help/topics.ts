/** The meaning of an exit code: short for the help, in full for the man page. */
export interface ExitTopic {
  readonly codes: string;
  readonly short: string | null;
  readonly meaning: string;
}

/** Every exit code. */
export const EXIT_TOPICS: readonly ExitTopic[] = [
  {
    codes: "0",
    short: "done",
    meaning:
      "Done; also when jobs were recovered or failed, when nothing was stuck, and when disabled by POLLING_ENABLED=false.",
  },
  { codes: "1", short: null, meaning: "An internal error of the program." },
  { codes: "2", short: "usage or configuration", meaning: "Usage or configuration error; nothing was written." },
  { codes: "3", short: "partial", meaning: "Some job could not be written, the rest was done." },
  { codes: "4", short: "token refused", meaning: "Airtable refused the token or its permissions." },
  {
    codes: "5",
    short: "upstream unavailable",
    meaning:
      "An upstream was unavailable: the listing could not be finished, or nothing could be decided. It never means that nothing is stuck.",
  },
  { codes: "6", short: "brake", meaning: "The safety brake kept jobs from being failed." },
  { codes: "10", short: "stuck jobs (scan --exit-code)", meaning: "There are stuck jobs; only scan --exit-code." },
  { codes: "75", short: "another run is under way", meaning: "Another run on this machine holds the lock." },
  {
    codes: "130/143",
    short: "interrupted",
    meaning: "Stopped by SIGINT or SIGTERM, after finishing the write in flight.",
  },
];

/** A variable of the environment, or a file. */
export interface Topic {
  readonly names: readonly string[];
  readonly meaning: string;
}

/** Every variable that is read. */
export const ENVIRONMENT_TOPICS: readonly Topic[] = [
  { names: ["AIRTABLE_API_KEY", "AIRTABLE_TOKEN"], meaning: "The personal access token; the first that is set." },
  { names: ["AIRTABLE_BASE_ID"], meaning: "The base: app…; where the configuration lists several, this one of them." },
  { names: ["AIRTABLE_ENDPOINT_URL"], meaning: "Where Airtable's API is, if not at https://api.airtable.com." },
  { names: ["STUCK_JOBS_AIRTABLE_RPS"], meaning: "Requests a second to the base; 4 by default, at most 5." },
  {
    names: ["STUCK_JOBS_DATABASE_URL", "DATABASE_URL"],
    meaning: "The PostgreSQL database, for store: postgres and journal.postgres; the first that is set.",
  },
  { names: ["STUCK_JOBS_STORAGE_URL"], meaning: "The URL that an output's file name is appended to." },
  {
    names: [
      "STUCK_JOBS_S3_ACCESS_KEY_ID",
      "STUCK_JOBS_S3_SECRET_ACCESS_KEY",
      "STUCK_JOBS_S3_SESSION_TOKEN",
      "STUCK_JOBS_S3_REGION",
    ],
    meaning: "Credentials for the storage, which distinguish a missing file from a private one.",
  },
  {
    names: ["NCA_S3_ACCESS_KEY", "NCA_S3_SECRET_KEY", "NCA_S3_SESSION_TOKEN", "NCA_S3_REGION"],
    meaning: "The same, under the names of NCA Toolkit's worker; the variables above go first.",
  },
  {
    names: ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"],
    meaning: "The same, only where the configuration says storage.credentials.from: aws.",
  },
  { names: ["NCA_BASE_URL", "NCA_API_KEY"], meaning: "NCA Toolkit, which is asked for the state of a job." },
  { names: ["GOAPI_BASE_URL", "GOAPI_API_KEY"], meaning: "GoAPI, which is asked for the state of a job." },
  { names: ["STUCK_JOBS_WEBHOOK_SECRET"], meaning: "The secret that signs webhooks, for recover --via webhook." },
  { names: ["STUCK_JOBS_METRICS_FILE"], meaning: "Where recover writes metrics, as a Prometheus textfile." },
  {
    names: ["STUCK_JOBS_PING_URL"],
    meaning: "The URL that recover pings when a run starts and ends.",
  },
  {
    names: ["STUCK_JOBS_PING_DIALECT"],
    meaning:
      "The form of the pings: healthchecks, sentry, betterstack, cronitor or uptime-kuma; by default from the URL.",
  },
  {
    names: ["STUCK_JOBS_NOTIFY_URL"],
    meaning: "The Slack, Discord, Teams or other webhook that recover posts changes to.",
  },
  { names: ["STUCK_JOBS_NOTIFY_EMAIL"], meaning: "Addresses that recover mails changes to, through sendmail." },
  {
    names: ["OTEL_EXPORTER_OTLP_ENDPOINT"],
    meaning: "The OpenTelemetry collector that each sweep sends a trace and metrics to (OTLP/HTTP).",
  },
  { names: ["POLLING_ENABLED"], meaning: "With false, recover and fail-old do nothing and log that." },
  { names: ["POLLING_MAX_AGE_HOURS"], meaning: "Older jobs are left to fail-old; 24 by default." },
  {
    names: ["POLLING_INTERVAL_MINUTES"],
    meaning: "The interval of the schedule, 2 by default. A run takes at most 75 % of it.",
  },
  {
    names: ["CREDENTIALS_DIRECTORY"],
    meaning:
      "Set by systemd. Every secret above is also read from the file of its name in this folder, or from the file that NAME_FILE names.",
  },
  { names: ["JOURNAL_STREAM"], meaning: "Set by systemd. The log then carries the journal's priorities." },
  { names: ["NO_COLOR"], meaning: "No colours." },
  { names: ["CI"], meaning: "No progress line." },
];

/** Every file that is read or written without being named by a flag. */
export const FILE_TOPICS: readonly Topic[] = [
  {
    names: [".stuck-jobsrc.yaml", ".stuck-jobsrc.json", "stuck-jobs.config.mjs", "stuck-jobs.config.ts"],
    meaning:
      "The configuration: searched for in the working directory and above, like the key stuck-jobs in package.json.",
  },
  {
    names: ["$STATE_DIRECTORY/<base>.json", "$XDG_STATE_HOME/stuck-jobs/<base>.json"],
    meaning: "The notifications already sent by --notify-url; the second is in ~/.local/state by default.",
  },
  {
    names: ["$STATE_DIRECTORY/pace-<base>.json", "$XDG_STATE_HOME/stuck-jobs/pace-<base>.json"],
    meaning: "Typical durations of each operation, saved by stats --learn and shown by scan.",
  },
  {
    names: [".stuck-jobs-sandbox.json", ".stuck-jobs-sandbox-postgres.json"],
    meaning: "The state of the sandboxes, in the working directory.",
  },
];

/** The paragraph of the help on exit codes, in lines of at most `width` columns. */
export function exitCodesInShort(width: number): string {
  const topics = EXIT_TOPICS.filter(({ short }) => short !== null).map(({ codes, short }) => `${codes} ${short}`);
  const lines: string[] = [];
  let line = "Exit codes:";
  for (const [n, topic] of topics.entries()) {
    const words = `${topic}${n === topics.length - 1 ? "." : ","}`;
    if (line.length + 1 + words.length <= width) line = `${line} ${words}`;
    else {
      lines.push(line);
      line = `  ${words}`;
    }
  }
  return [...lines, line].join("\n");
}
