import type { Clock, JobHistory, JobStore } from "../../core/ports/ports.ts";
import { createExchange, type ExchangeOptions } from "./client.ts";
import { createMetadata, type Metadata } from "./metadata.ts";
import { createPace, type Turn } from "./rate-limit.ts";
import { createRequests } from "./requests.ts";
import { createSample, type SampleJobs } from "./sample-jobs.ts";
import { createStore, type StoreOptions } from "./store.ts";

/** What several bases of one token have in common. */
export type Shared = Required<Pick<ExchangeOptions, "send">> & { readonly ceiling: Turn };

export interface BaseOptions extends StoreOptions {
  readonly endpointUrl: string;
  readonly token: string;
  /** At most 5, Airtable's limit for a base. */
  readonly requestsPerSecond: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** Milliseconds until the deadline; null without one. */
  readonly remaining: () => number | null;
  /** Null where the base is the only one. */
  readonly shared?: Shared | null;
}

/** A base over HTTP. */
export interface OpenBase {
  readonly store: JobStore & JobHistory;
  readonly metadata: Metadata;
  readonly sample: SampleJobs;
  close(): void;
}

/** Opens a base. Nothing is sent before the first question. */
export function openBase(options: BaseOptions): OpenBase {
  const { clock, random, remaining, shared = null } = options;
  const exchange = createExchange({ ...options, ...shared });
  const turn = createPace(options.requestsPerSecond, clock, shared?.ceiling);
  const requests = createRequests({ exchange, turn, clock, random, remaining });
  return {
    store: createStore(requests, options),
    metadata: createMetadata(requests, options.baseId),
    sample: createSample(requests),
    close: exchange.close,
  };
}
