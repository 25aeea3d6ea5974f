import type { Settings } from "../../config/settings.ts";
import { DEFAULT_TIMEOUTS } from "../../http/timeout.ts";
import { parseBucketUrl } from "../../storage/bucket-url.ts";
import { openConnection, type StorageConnection, shareConnection } from "../../storage/connection.ts";
import { openConnections } from "../../stores/airtable/base.ts";
import { type AcquireSlot, createTokenLimiter } from "../../stores/airtable/rate-limit.ts";
import { systemClock } from "../../system/clock.ts";
import type { Shared } from "./adapters.ts";

/** The connections and limits that several bases share. */
export interface SharedConnections {
  of(settings: Settings): Shared;
  /** Closes every connection. */
  close(): Promise<void>;
}

/**
 * Opens the rate limiter of each token, and the connection and limits of each bucket. Where bases configure different
 * limits for one bucket, the lowest applies.
 */
export function openSharedConnections(bases: readonly Settings[]): SharedConnections {
  const airtable = openConnections(process.env);
  const tokenLimiters = new Map<string, AcquireSlot>();
  const storages = new Map<string, StorageConnection>();

  const connectTo = (bucket: string): StorageConnection => {
    const users = bases.filter((settings) => bucketOf(settings) === bucket).map(({ storage }) => storage);
    return openConnection({
      concurrency: Math.min(...users.map(({ concurrency }) => concurrency)),
      requestsPerSecond: Math.min(...users.map(({ requestsPerSecond }) => requestsPerSecond)),
      clock: systemClock,
      timeouts: DEFAULT_TIMEOUTS,
      env: process.env,
    });
  };

  return {
    of(settings) {
      // Only requests to Airtable are limited by the token they are made with.
      const token = settings.store.kind === "airtable" ? `${settings.store.endpointUrl} ${settings.store.token}` : "";
      const tokenLimiter = getOrCreate(tokenLimiters, token, () => createTokenLimiter(systemClock));
      const bucket = bucketOf(settings);
      return {
        base: { http: airtable, tokenLimiter },
        connection: shareConnection(getOrCreate(storages, bucket, () => connectTo(bucket))),
      };
    },
    async close() {
      await Promise.all([airtable.close(), ...[...storages.values()].map(({ client }) => client.close())]);
    },
  };
}

function bucketOf({ storage: { baseUrl, addressing } }: Settings): string {
  return parseBucketUrl(baseUrl, addressing).bucket.href;
}

function getOrCreate<T>(map: Map<string, T>, key: string, make: () => T): T {
  const made = map.get(key) ?? make();
  map.set(key, made);
  return made;
}
