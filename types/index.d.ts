// Made by `npm run schema` from the schema of the configuration.

/**
 * The defaults that the file overrides key by key: those of NCA Toolkit's users, how a provider is asked (docs/providers.md), or none.
 */
export type Preset = "nca" | "replicate" | "fal" | "runpod" | "mux" | "assemblyai" | "generic" | "none";
/**
 * Where jobs and targets are: an Airtable base, or a PostgreSQL database (docs/postgresql.md).
 */
export type Store = "airtable" | "postgres";
/**
 * Whether jobs that polling failed are completed when their output appears within maxAge.
 */
export type LateOutputs = boolean;
export type Json =
  | string
  | number
  | boolean
  | null
  | Json[]
  | {
      [k: string]: Json;
    };
/**
 * The account whose token is used: for all bases, or within a base's entry for it alone.
 */
export type Account = string;

export interface Config {
  /**
   * The location of this schema, for editors; nothing else reads it.
   */
  $schema?: string;
  preset?: Preset;
  store?: Store;
  postgres?: Postgres;
  airtable?: Airtable;
  jobs?: Jobs;
  thresholds?: Thresholds;
  storage?: Storage;
  brake?: Brake;
  lateOutputs?: LateOutputs;
  providers?: Providers;
  webhooks?: Webhooks;
  monitoring?: Monitoring;
  journal?: Journal;
  operations?: Operations;
  account?: Account;
  /**
   * Airtable accounts by name, where the bases belong to several (docs/bases.md).
   */
  accounts?: {
    /**
     * One account, with exactly one of these keys.
     */
    [k: string]: {
      /**
       * A file that holds the token; a relative path is below the configuration's.
       */
      tokenFile?: string;
      /**
       * The environment variable that holds the token; NAME_FILE and the systemd credential NAME count too.
       */
      tokenVariable?: string;
      /**
       * The token itself, as a configuration in TypeScript may read it from elsewhere.
       */
      token?: string;
    };
  };
  /**
   * Shares the sweeps among several hosts by a queue in PostgreSQL (docs/fleet.md).
   */
  fleet?: {
    /**
     * The schema of queue and history; `stuck-jobs db migrate` makes it.
     */
    schema?: string;
    /**
     * A host that is silent for so long has lost the base that it sweeps: another one takes it over.
     */
    heartbeat?: string;
    /**
     * How many bases one host sweeps at the same time.
     */
    concurrency?: number;
    /**
     * Without the database: end with exit code 5, or sweep all bases with a part of the budget.
     */
    whenDown?: "stop" | "alone";
    /**
     * The number of hosts, by which `whenDown: alone` divides the request rates.
     */
    hosts?: number;
  };
  /**
   * Several bases in one run, each with its overrides of the rest of the file (docs/bases.md).
   *
   * @minItems 1
   */
  bases?: {
    /**
     * The id of the base: app… Required but for PostgreSQL.
     */
    baseId?: string;
    /**
     * Its name in reports and for `--base`. Absent: its id; required for PostgreSQL.
     */
    name?: string;
    preset?: Preset;
    store?: Store;
    postgres?: Postgres;
    airtable?: Airtable;
    jobs?: Jobs;
    thresholds?: Thresholds;
    storage?: Storage;
    brake?: Brake;
    lateOutputs?: LateOutputs;
    providers?: Providers;
    webhooks?: Webhooks;
    monitoring?: Monitoring;
    journal?: Journal;
    operations?: Operations;
    account?: Account;
  }[];
}
/**
 * The database. Its URL comes from the environment only: STUCK_JOBS_DATABASE_URL.
 */
export interface Postgres {
  /**
   * Maximum number of connections of one run.
   */
  connections?: number;
  /**
   * The time limit of a statement.
   */
  statementTimeout?: string;
  /**
   * How long a write waits for a row that another transaction holds; the job is left to the next run then.
   */
  lockTimeout?: string;
}
/**
 * The base. The token comes from the environment only: AIRTABLE_API_KEY.
 */
export interface Airtable {
  /**
   * The id of the base: the part of its address that begins with app.
   */
  baseId?: string;
  /**
   * At most 5: Airtable's limit for a base, which all its clients share.
   */
  requestsPerSecond?: number;
  /**
   * The address of Airtable's API, without /v0.
   */
  endpointUrl?: string;
  /**
   * Whether the token may be sent to an endpointUrl without TLS that is not on this machine.
   */
  allowInsecureEndpoint?: boolean;
}
/**
 * The table of the jobs, and the names of its fields.
 */
export interface Jobs {
  /**
   * The table of the jobs: by name or id in Airtable; table, schema.table or a list of both names in PostgreSQL.
   */
  table?: string | string[];
  /**
   * PostgreSQL only: the column that names one job, most often the primary key.
   */
  id?: string;
  /**
   * The fields of that table, by name or id; null where the base has none. Ids need schema.bases:read.
   */
  fields?: {
    /**
     * A single select, or a text.
     */
    status?: string;
    /**
     * The worker's id for the job: {externalId} in outputs.
     */
    externalId?: string;
    /**
     * The application's own id for a job: {jobId} in outputs.
     */
    ownId?: string | null;
    /**
     * The kind of work; the operations' `types` are values of it.
     */
    type?: string | null;
    /**
     * The request to the worker, as JSON or a Python literal: may name operation and target.
     */
    requestPayload?: string | null;
    /**
     * Receives the output's URL when the job is completed; holds those of completed jobs.
     */
    responsePayload?: string | null;
    /**
     * May name the operation and the target in its query.
     */
    webhookUrl?: string | null;
    /**
     * A long text: says why the job was failed.
     */
    error?: string | null;
    /**
     * A long text: receives a line for each change to the job.
     */
    notes?: string | null;
    /**
     * A date from which a job's age counts; null: the record's created time.
     */
    startedAt?: string | null;
    /**
     * A date or last-modified field: when a job was completed. `stats` computes durations from it.
     */
    completedAt?: string | null;
  };
  /**
   * Statuses of jobs that are being worked on.
   *
   * @minItems 1
   */
  stuckStatuses?: (string | number)[];
  /**
   * The status that a recovered job is set to.
   */
  completedStatus?: string | number;
  /**
   * The status that a failed job is set to.
   */
  failedStatus?: string | number;
}
/**
 * Ages of a job from which on it is stuck, failed or left alone.
 */
export interface Thresholds {
  /**
   * A job with one of the stuck statuses that is older than this is stuck.
   */
  stuckAfter?: string;
  /**
   * A stuck job older than this is failed if its output is proven absent.
   */
  failAfter?: string;
  /**
   * Older jobs are left to `fail-old`; "none" for no such limit.
   */
  maxAge?: "none" | string;
  /**
   * A provider that reports a job as running is believed up to this age of the job.
   */
  providerCap?: string;
}
/**
 * The bucket that outputs are stored in: any that speaks S3, public or private.
 */
export interface Storage {
  /**
   * The prefix of every output's URL: a slash and the file name follow. Not a CDN's host.
   */
  baseUrl?: string;
  /**
   * Maximum number of concurrent probes.
   */
  concurrency?: number;
  /**
   * Maximum number of probes a second. Spaces refuses more than 240.
   */
  requestsPerSecond?: number;
  /**
   * Further file names that the worker may use: a job is not failed while one of them exists.
   */
  otherNames?: string[];
  /**
   * Where baseUrl names the bucket: first in its path, or in its host. Absent: derived from the host.
   */
  addressing?: "path" | "virtual";
  /**
   * The key that requests to a private bucket are signed with.
   */
  credentials?: {
    /**
     * Read the key from <prefix>_ACCESS_KEY_ID, _SECRET_ACCESS_KEY, _SESSION_TOKEN and _REGION alone.
     */
    prefix?: string;
    /**
     * Also read AWS_ACCESS_KEY_ID and AWS's other variables.
     */
    from?: "aws";
    /**
     * The id of the key; not a secret.
     */
    accessKeyId?: string;
    /**
     * A secret: better in the environment than in a file.
     */
    secretAccessKey?: string;
    /**
     * The session token of temporary credentials.
     */
    sessionToken?: string;
    /**
     * Absent: derived from the host of baseUrl, else us-east-1.
     */
    region?: string;
  };
  /**
   * How long the signed link is valid from which Airtable fetches a file.
   */
  attachmentUrlTtl?: string;
}
/**
 * Stops a run from failing many jobs at once until an output of their operation was seen.
 */
export interface Brake {
  /**
   * How many jobs of an operation a run may fail before an output of it was seen.
   */
  minimum?: number;
  /**
   * No run fails more jobs than this.
   */
  maxFails?: number;
}
/**
 * The services that did the work, to be asked for the state of a job.
 */
export interface Providers {
  /**
   * NCA Toolkit, asked by the job's external id.
   */
  nca?: {
    /**
     * Its address. The key is NCA_API_KEY, from the environment only.
     */
    baseUrl?: string;
    /**
     * How far back the list of all jobs reaches; by default a day, or the longest providerCap.
     */
    sinceSeconds?: number;
    /**
     * Hosts, with their subdomains, that may serve the provider's outputs.
     */
    outputHosts?: string[];
    /**
     * Whether outputs may be at addresses of a private network.
     */
    allowPrivate?: boolean;
    /**
     * Maximum number of concurrent requests to the provider.
     */
    concurrency?: number;
  } | null;
  /**
   * GoAPI, PiAPI. With it the preset has the operations video and generate_music_only.
   */
  goapi?: {
    /**
     * Its address. The key is GOAPI_API_KEY, from the environment only.
     */
    baseUrl?: string;
    /**
     * Hosts, with their subdomains, that may serve the provider's outputs.
     */
    outputHosts?: string[];
    /**
     * Whether outputs may be at addresses of a private network.
     */
    allowPrivate?: boolean;
    /**
     * Maximum number of concurrent requests to the provider.
     */
    concurrency?: number;
  } | null;
  /**
   * Any other provider with an HTTP API, under a name of your own.
   */
  [k: string]:
    | {
        /**
         * The method of the request for the state.
         */
        method?: "GET" | "POST";
        /**
         * The address of the state, with {externalId} in it or in the body.
         */
        url?: string;
        /**
         * Headers; a variable of the environment is written ${NAME}, and may be a NAME_FILE or a credential.
         */
        headers?: {
          [k: string]: string;
        };
        /**
         * User and password of HTTP's basic authentication, written as headers are: ${NAME}.
         */
        basicAuth?: {
          /**
           * The user.
           */
          user: string;
          /**
           * The password.
           */
          password: string;
        };
        /**
         * Sent as JSON; {externalId} in its texts is replaced.
         */
        body?: Json;
        /**
         * JSON pointer to the state.
         */
        state?: string;
        /**
         * The meaning of the state's values; any other is unknown.
         */
        states?: {
          /**
           * Queued, or running.
           */
          running?: string[];
          /**
           * Completed.
           *
           * @minItems 1
           */
          succeeded?: string[];
          /**
           * Failed.
           */
          failed?: string[];
        };
        /**
         * JSON pointers to the outputs' URLs (a text, a list, or objects with `url`), or a URL with pointers in braces.
         */
        output?: string | string[];
        /**
         * JSON pointers to the reason of a failure; the first that exists is used.
         */
        error?: string | string[];
        /**
         * HTTP statuses that mean: unknown job.
         */
        forgottenStatus?: number[];
        /**
         * The request for the output of a completed job, if the state does not include it.
         */
        result?: {
          /**
           * Its address, with {externalId} in it.
           */
          url?: string;
          /**
           * HTTP statuses that mean: the job failed.
           */
          failedStatus?: number[];
        };
        /**
         * Hosts, with their subdomains, that may serve the provider's outputs.
         */
        outputHosts?: string[];
        /**
         * Whether outputs may be at addresses of a private network.
         */
        allowPrivate?: boolean;
        /**
         * Maximum number of concurrent requests to the provider.
         */
        concurrency?: number;
      }
    | {
        /**
         * Its address. The key is NCA_API_KEY, from the environment only.
         */
        baseUrl?: string;
        /**
         * How far back the list of all jobs reaches; by default a day, or the longest providerCap.
         */
        sinceSeconds?: number;
        /**
         * Hosts, with their subdomains, that may serve the provider's outputs.
         */
        outputHosts?: string[];
        /**
         * Whether outputs may be at addresses of a private network.
         */
        allowPrivate?: boolean;
        /**
         * Maximum number of concurrent requests to the provider.
         */
        concurrency?: number;
      }
    | null
    | {
        /**
         * Its address. The key is GOAPI_API_KEY, from the environment only.
         */
        baseUrl?: string;
        /**
         * Hosts, with their subdomains, that may serve the provider's outputs.
         */
        outputHosts?: string[];
        /**
         * Whether outputs may be at addresses of a private network.
         */
        allowPrivate?: boolean;
        /**
         * Maximum number of concurrent requests to the provider.
         */
        concurrency?: number;
      }
    | undefined;
}
/**
 * How lost webhooks are sent again to the application's own handler.
 */
export interface Webhooks {
  /**
   * The only hosts that webhooks are sent to again.
   */
  allowHosts?: string[];
  /**
   * Who completes a job: this tool, or the application's own handler.
   */
  via?: "direct" | "webhook";
  /**
   * What to do when the handler did not complete the job.
   */
  fallback?: "direct" | "none";
  /**
   * An HMAC of the body; the secret is STUCK_JOBS_WEBHOOK_SECRET, from the environment only.
   */
  signature?: {
    /**
     * The header of the signature.
     */
    header: string;
    /**
     * The only algorithm.
     */
    algorithm?: "sha256";
    /**
     * The text before the signature's hexadecimal digits: `sha256=`.
     */
    prefix?: string;
  } | null;
}
/**
 * Metrics, pings and notifications (docs/monitoring.md).
 */
export interface Monitoring {
  /**
   * A Prometheus textfile, written after each run.
   */
  metricsFile?: string | null;
  /**
   * Pinged at the start and the end of each run. A secret: better in the environment.
   */
  pingUrl?: string | null;
  /**
   * The form of the pings. Absent: by the address, else healthchecks.
   */
  pingDialect?: ("healthchecks" | "sentry" | "betterstack" | "cronitor" | "uptime-kuma") | null;
  /**
   * A webhook that changes are posted to. A secret: better in the environment.
   */
  notifyUrl?: string | null;
  /**
   * The form of what is posted there. Absent: by the address, else json, whose `text` is the message.
   */
  notifyFormat?: ("json" | "slack" | "discord" | "teams") | null;
  /**
   * Addresses that changes are mailed to, with commas between them.
   */
  email?: string | null;
  /**
   * The program that takes these mails.
   */
  sendmail?: string;
  /**
   * Notify when more jobs than this are failed in one run.
   */
  failuresOver?: number;
}
/**
 * Where a run records what it writes (docs/history.md).
 */
export interface Journal {
  /**
   * A file, or "none". Absent: a file in the state folder of the service or the user.
   */
  path?: string;
  /**
   * A file larger than this is rotated.
   */
  maxBytes?: number;
  /**
   * How many rotated files are kept.
   */
  keep?: number;
  /**
   * Keeps the journal in PostgreSQL instead of a file: any host can undo, count and replay by it.
   */
  postgres?: {
    /**
     * The schema of the tables; `stuck-jobs db migrate` makes it.
     */
    schema?: string;
    /**
     * Rows older than this are removed, where the role may.
     */
    keep?: string;
  };
}
/**
 * The kinds of work, by name; null removes one of the preset's.
 */
export interface Operations {
  /**
   * How its output is named, and which record receives it.
   */
  [k: string]: {
    /**
     * Values of the job's type field that stand for this operation; "*" for every job. A lone operation needs none.
     */
    types?: "*" | string[];
    /**
     * File names that an output may have, in the order of probing; empty where only its provider knows it.
     */
    outputs?: (
      | string
      | {
          /**
           * The file name, with folders: {externalId}, {jobId}, {recordId}, {n}, {payload.some_key}, {field.Some Field} and {startedAt:yyyy/MM/dd} are replaced.
           */
          pattern: string;
          /**
           * All entries with `all: true` are one output in several files.
           */
          all?: boolean;
          /**
           * How many files {n} stands for, or the payload's key that holds the number; null without {n}.
           */
          count?: (number | string) | null;
          /**
           * The first {n}.
           */
          from?: number;
          /**
           * Whether the file may be older than its job, as one that is named by its content or imported.
           */
          mayPredate?: boolean;
        }
    )[];
    /**
     * Overrides storage, key by key: another bucket, folder or key.
     */
    storage?: {
      /**
       * The prefix of every output's URL: a slash and the file name follow. Not a CDN's host.
       */
      baseUrl?: string;
      /**
       * Maximum number of concurrent probes.
       */
      concurrency?: number;
      /**
       * Maximum number of probes a second. Spaces refuses more than 240.
       */
      requestsPerSecond?: number;
      /**
       * Further file names that the worker may use: a job is not failed while one of them exists.
       */
      otherNames?: string[];
      /**
       * Where baseUrl names the bucket: first in its path, or in its host. Absent: derived from the host.
       */
      addressing?: "path" | "virtual";
      /**
       * Overrides storage.credentials as a whole; null for a public bucket.
       */
      credentials?: {
        /**
         * Read the key from <prefix>_ACCESS_KEY_ID, _SECRET_ACCESS_KEY, _SESSION_TOKEN and _REGION alone.
         */
        prefix?: string;
        /**
         * Also read AWS_ACCESS_KEY_ID and AWS's other variables.
         */
        from?: "aws";
        /**
         * The id of the key; not a secret.
         */
        accessKeyId?: string;
        /**
         * A secret: better in the environment than in a file.
         */
        secretAccessKey?: string;
        /**
         * The session token of temporary credentials.
         */
        sessionToken?: string;
        /**
         * Absent: derived from the host of baseUrl, else us-east-1.
         */
        region?: string;
      } | null;
      /**
       * How long the signed link is valid from which Airtable fetches a file.
       */
      attachmentUrlTtl?: string;
    };
    /**
     * The provider that does the work, by its name under `providers`.
     */
    provider?: string | null;
    /**
     * The record that receives the output: `self`, `none`, or a record that link fields or payload name; they must not name different ones.
     */
    target?:
      | "self"
      | "none"
      | {
          /**
           * Name or id of the table whose record receives the output.
           */
          table?: string | string[];
          /**
           * The field or column by which jobs name the record. PostgreSQL: unique, id if absent. Airtable: for names in text fields; the primary field if absent.
           */
          key?: string;
          /**
           * PostgreSQL only: the job's column that holds that key, such as segment_id.
           */
          from?: string;
          /**
           * Link fields of the job that name the target, or text fields with its id or name; the first must exist.
           */
          links?: string[];
          /**
           * Keys of the request payload that name the target.
           */
          payloadKeys?: string[];
        };
    /**
     * Where the output goes, as a file or as its URL.
     */
    deliver?: {
      /**
       * The target's field.
       */
      field: string;
      /**
       * PostgreSQL only: where in a jsonb column the URL goes, key by key.
       *
       * @minItems 1
       * @maxItems 10
       */
      path?: string[];
      /**
       * A file in an attachment field, or its URL in a URL or text field.
       */
      as?: "attachment" | "url";
    };
    /**
     * The target's attachment field: short for deliver with that field.
     */
    attachment?: string;
    /**
     * Further fields of the target and their values. Options of selects have to exist. {url}, {externalId}, {bytes} and {now} are replaced.
     */
    set?: {
      [k: string]: string | number | boolean;
    };
    /**
     * Values of those fields that `set` may replace where the file was there already, beside blank.
     */
    setFrom?: {
      [k: string]: (string | number | boolean)[];
    };
    /**
     * What to do when the field holds another file.
     */
    onExisting?: "skip" | "replace" | "append";
    /**
     * The file format that is verified before delivery.
     */
    check?: "mp4" | null;
    /**
     * Overrides webhooks.via.
     */
    via?: "direct" | "webhook";
    /**
     * Overrides webhooks.fallback.
     */
    fallback?: "direct" | "none";
    /**
     * The endpoint that the provider's webhook names.
     */
    webhookEndpoint?: string | null;
    /**
     * Overrides thresholds, key by key.
     */
    thresholds?: {
      /**
       * A job with one of the stuck statuses that is older than this is stuck.
       */
      stuckAfter?: string;
      /**
       * A stuck job older than this is failed if its output is proven absent.
       */
      failAfter?: string;
      /**
       * Older jobs are left to `fail-old`; "none" for no such limit.
       */
      maxAge?: "none" | string;
      /**
       * A provider that reports a job as running is believed up to this age of the job.
       */
      providerCap?: string;
    };
  } | null;
}

/** Returns the configuration as it is, checked by its type: `export default defineConfig({ … })`. */
export declare function defineConfig(config: Config): Config;
