import type { Clock, JobHistory, JobStore } from "../../core/ports/ports.ts";
import { createApiClient, type ExchangeOptions } from "./client.ts";
import { createMetadata, type Metadata } from "./metadata.ts";
import { type AcquireSlot, createRateLimiter } from "./rate-limit.ts";
import { createRequests } from "./requests.ts";
import { createSample, type ReadSample } from "./sample-jobs.ts";
import { createStore, type StoreOptions } from "./store.ts";

/** What several bases of one token have in common. */
export type SharedLimits = Required<Pick<ExchangeOptions, "send">> & { readonly ceiling: AcquireSlot };

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
  readonly shared?: SharedLimits | null;
}

/** A base over HTTP. */
export interface OpenBase {
  readonly store: JobStore & JobHistory;
  readonly metadata: Metadata;
  readonly sample: ReadSample;
  close(): void;
}

/** Opens a base. Nothing is sent before the first question. */
export function openBase(options: BaseOptions): OpenBase {
  const { clock, random, remaining, shared = null } = options;
  const exchange = createApiClient({ ...options, ...shared });
  const turn = createRateLimiter(options.requestsPerSecond, clock, shared?.ceiling);
  const requests = createRequests({ exchange, turn, clock, random, remaining });
  return {
    store: createStore(requests, options),
    metadata: createMetadata(requests, options.baseId),
    sample: createSample(requests),
    close: exchange.close,
  };
}
