// Made by `npm run schema` from the schema of the configuration.

/**
 * The defaults that the file overrides key by key: those for users of NCA Toolkit, the description of a provider (docs/providers.md), or none.
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
 * The account whose token is used: at the top for all bases, in a base's entry for that base.
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
   * Airtable accounts by name, if the bases belong to several (docs/bases.md).
   */
  accounts?: {
    /**
     * One account, with exactly one of these keys.
     */
    [k: string]: {
      /**
       * A file that holds the token; a relative path counts from the configuration's folder.
       */
      tokenFile?: string;
      /**
       * The environment variable that holds the token; it may also be NAME_FILE or a systemd credential.
       */
      tokenVariable?: string;
      /**
       * The token itself, for a configuration in TypeScript that reads it from elsewhere.
       */
      token?: string;
    };
  };
  /**
   * Shares the sweeps among several hosts by a queue in PostgreSQL (docs/fleet.md).
   */
  fleet?: {
    /**
     * The schema of queue and history; `stuck-jobs db migrate` creates it.
     */
    schema?: string;
    /**
     * A host that is silent for this long loses the base that it sweeps, and another host takes over.
     */
    heartbeat?: string;
    /**
     * How many bases one host sweeps at the same time.
     */
    concurrency?: number;
    /**
     * What to do without the database: end with exit code 5, or sweep all bases with a share of the request rate.
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
     * The id of the base: app… Required, except for PostgreSQL.
     */
    baseId?: string;
    /**
     * Its name in reports and for `--base`. Default: its id; required for PostgreSQL.
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
   * Maximum number of connections of one run; a journal in PostgreSQL takes up to two more.
   */
  connections?: number;
  /**
   * The time limit of a statement.
   */
  statementTimeout?: string;
  /**
   * How long a write waits for a row that another transaction holds; then the job is left to the next run.
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
   * Requests per second to the base. At most 5: Airtable's limit for a base, which all its clients share.
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
   * The table of the jobs. Airtable: its name or id. PostgreSQL: table, schema.table or a list of both names.
   */
  table?: string | string[];
  /**
   * PostgreSQL only: the column that identifies a job, usually the primary key.
   */
  id?: string;
  /**
   * The fields of that table, by name or id; null if the base has no such field. Ids need schema.bases:read.
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
     * The kind of work; its values are listed in the operations' `types`.
     */
    type?: string | null;
    /**
     * The request to the worker, as JSON or a Python literal; it may name the operation and the target.
     */
    requestPayload?: string | null;
    /**
     * Receives the output's URL when a job is completed; for completed jobs it says where their output is.
     */
    responsePayload?: string | null;
    /**
     * May name the operation and the target in its query.
     */
    webhookUrl?: string | null;
    /**
     * A long text that says why the job was failed.
     */
    error?: string | null;
    /**
     * A long text that receives a line for each change to the job.
     */
    notes?: string | null;
    /**
     * The date from which a job's age counts; null for the record's created time.
     */
    startedAt?: string | null;
    /**
     * A date or last-modified field that says when a job was completed; `stats` computes durations from it.
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
 * The ages from which a job is stuck, failed or left alone.
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
   * `recover` leaves older jobs to `fail-old`; "none" for no limit.
   */
  maxAge?: "none" | string;
  /**
   * Up to this age of a job, a provider is believed that reports the job as running.
   */
  providerCap?: string;
}
/**
 * The bucket that outputs are stored in: any S3-compatible one, public or private.
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
   * Where baseUrl names the bucket: first in its path, or in its host. Default: derived from the host.
   */
  addressing?: "path" | "virtual";
  /**
   * The key that requests to a private bucket are signed with.
   */
  credentials?: {
    /**
     * Read the key only from <prefix>_ACCESS_KEY_ID, _SECRET_ACCESS_KEY, _SESSION_TOKEN and _REGION.
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
     * The region. Default: derived from the host of baseUrl, else us-east-1.
     */
    region?: string;
  };
  /**
   * How long the signed link that Airtable fetches a file from is valid.
   */
  attachmentUrlTtl?: string;
}
/**
 * Limits how many jobs are failed (docs/evidence.md).
 */
export interface Brake {
  /**
   * How many jobs of an operation may be failed without an output of that operation: on another operation's output, or on the provider's report alone.
   */
  minimum?: number;
  /**
   * No run fails more jobs than this.
   */
  maxFails?: number;
}
/**
 * The services that do the work, which are asked for the state of a job.
 */
export interface Providers {
  /**
   * NCA Toolkit, which is asked by the job's external id.
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
   * GoAPI or PiAPI. It adds the operations video and generate_music_only to the preset.
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
         * Headers; ${NAME} is replaced by an environment variable, which may be a NAME_FILE or a credential.
         */
        headers?: {
          [k: string]: string;
        };
        /**
         * User and password for HTTP basic authentication; ${NAME} is replaced as in headers.
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
         * HTTP statuses that mean "no such job".
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
           * HTTP statuses that mean that the job failed.
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
   * The URL that is pinged at the start and the end of each run. A secret: better in the environment.
   */
  pingUrl?: string | null;
  /**
   * The form of the pings. Default: by the address, else healthchecks.
   */
  pingDialect?: ("healthchecks" | "sentry" | "betterstack" | "cronitor" | "uptime-kuma") | null;
  /**
   * The URL of a webhook that changes are posted to. A secret: better in the environment.
   */
  notifyUrl?: string | null;
  /**
   * The format of these posts. Default: by the address, else json with the message in `text`.
   */
  notifyFormat?: ("json" | "slack" | "discord" | "teams") | null;
  /**
   * The addresses that changes are mailed to, separated by commas.
   */
  email?: string | null;
  /**
   * The program that sends these mails.
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
   * A file, or "none". Default: a file in the state folder of the service or the user.
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
   * Keeps the journal in PostgreSQL instead of a file, so that undo, stats and replay work from any host.
   */
  postgres?: {
    /**
     * The schema of the tables; `stuck-jobs db migrate` creates it.
     */
    schema?: string;
    /**
     * Rows older than this are removed, if the role may delete.
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
     * Values of the job's type field that stand for this operation; "*" for every job. An only operation needs none.
     */
    types?: "*" | string[];
    /**
     * File names that an output may have, in the order of probing; empty if only the provider knows where the output is.
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
           * Whether the file may be older than its job, for example if it is named by its content or imported.
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
       * Where baseUrl names the bucket: first in its path, or in its host. Default: derived from the host.
       */
      addressing?: "path" | "virtual";
      /**
       * Overrides storage.credentials as a whole; null for a public bucket.
       */
      credentials?: {
        /**
         * Read the key only from <prefix>_ACCESS_KEY_ID, _SECRET_ACCESS_KEY, _SESSION_TOKEN and _REGION.
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
         * The region. Default: derived from the host of baseUrl, else us-east-1.
         */
        region?: string;
      } | null;
      /**
       * How long the signed link that Airtable fetches a file from is valid.
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
           * The field or column by which jobs name the record. PostgreSQL: a unique column, by default id. Airtable: for names in text fields, by default the primary field.
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
     * The target's attachment field: a short form of deliver.
     */
    attachment?: string;
    /**
     * Further fields of the target and their values. Options of selects must exist. {url}, {externalId}, {bytes} and {now} are replaced.
     */
    set?: {
      [k: string]: string | number | boolean;
    };
    /**
     * Values of those fields that `set` may replace, besides blank, if the target already had the file.
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
       * `recover` leaves older jobs to `fail-old`; "none" for no limit.
       */
      maxAge?: "none" | string;
      /**
       * Up to this age of a job, a provider is believed that reports the job as running.
       */
      providerCap?: string;
    };
  } | null;
}

/** Returns the configuration as it is, checked by its type: `export default defineConfig({ … })`. */
export declare function defineConfig(config: Config): Config;
