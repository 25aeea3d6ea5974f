import type { Clock, JobHistory, JobStore } from "../../core/ports/ports.ts";
import { createHttpClient, type HttpClient } from "../../http/client.ts";
import type { ProxyEnvironment } from "../../http/proxy.ts";
import { createApiClient } from "./client.ts";
import { createListing } from "./list-records.ts";
import { createMetadata, type Metadata } from "./metadata.ts";
import { type AcquireSlot, createRateLimiter } from "./rate-limit.ts";
import { createRequests } from "./requests.ts";
import { createSample, type ReadSample } from "./sample-records.ts";
import { createStore, type StoreOptions } from "./store.ts";
import { createTables } from "./tables.ts";

/** What the bases of one token share. */
export interface SharedLimits {
  readonly http: HttpClient;
  readonly tokenLimiter: AcquireSlot;
}

export interface BaseOptions extends StoreOptions {
  readonly endpointUrl: string;
  readonly token: string;
  /** At most 5, Airtable's limit for a base. */
  readonly requestsPerSecond: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** Milliseconds until the deadline; null without one. */
  readonly remaining: () => number | null;
  /** Names the proxies; not used where the connections are shared. */
  readonly env?: ProxyEnvironment;
  /** Called right before a write is sent; throws `UpstreamError` where it must not be. */
  readonly beforeWrite?: () => void;
  /** Null where the base is the only one. */
  readonly shared?: SharedLimits | null;
}

/** An open base. */
export interface OpenBase {
  readonly store: JobStore & JobHistory;
  readonly metadata: Metadata;
  readonly readSample: ReadSample;
  /** Closes its connections, unless they are shared. */
  close(): Promise<void>;
}

/** Opens a base. Nothing is sent before the first request is asked for. */
export function openBase({
  requestsPerSecond,
  clock,
  random,
  remaining,
  env = {},
  beforeWrite = () => undefined,
  shared = null,
  ...options
}: BaseOptions): OpenBase {
  const http = shared?.http ?? openConnections(env);
  const requests = createRequests({
    client: createApiClient({ ...options, http }),
    acquireSlot: createRateLimiter(requestsPerSecond, clock, shared?.tokenLimiter),
    clock,
    random,
    remaining,
    beforeWrite,
  });
  return {
    store: createStore(requests, options),
    metadata: createMetadata(requests, options.baseId),
    readSample: createSample(createListing(requests, createTables())),
    close: async () => {
      if (shared === null) await http.close();
    },
  };
}

/** Airtable answers a full page in about a second. */
const TIMEOUTS = { connect: 10_000, answer: 20_000 };

/** More than the requests of all bases of a token that are under way at the same time. */
const CONNECTIONS = 64;

/** Opens the connections to Airtable; several bases may share them. */
export function openConnections(env: ProxyEnvironment): HttpClient {
  return createHttpClient({ connections: CONNECTIONS, timeouts: TIMEOUTS, env });
}
