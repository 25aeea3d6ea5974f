import type { Settings } from "../../config/settings.ts";
import { DEFAULT_TIMEOUTS } from "../../http/timeout.ts";
import { parseBucketUrl } from "../../storage/bucket-url.ts";
import { openConnection, type StorageConnection, shareConnection } from "../../storage/connection.ts";
import { openConnections } from "../../stores/airtable/base.ts";
import { createOwnerLimiter, readUserId } from "../../stores/airtable/identity.ts";
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
 * Opens the rate limiter of each account, and the connection and limits of each bucket. Where there are several tokens,
 * Airtable is asked whose they are: it counts the requests of all tokens of one user together. Where bases configure
 * different limits for one bucket, the lowest applies.
 */
export function openSharedConnections(bases: readonly Settings[]): SharedConnections {
  const airtable = openConnections(process.env);
  const limiters = new Map<string, AcquireSlot>();
  const tokens = new Set(bases.filter(({ store }) => store.kind === "airtable").map(tokenOf));
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

  const limiterOf = (key: string) => getOrCreate(limiters, key, () => createTokenLimiter(systemClock));

  /** Only requests to Airtable are limited by the token they are made with. */
  const limiterFor = (settings: Settings): AcquireSlot => {
    const { store } = settings;
    const token = tokenOf(settings);
    if (store.kind !== "airtable" || tokens.size < 2) return limiterOf(`token ${token}`);
    const { endpointUrl, token: secret } = store;
    const options = { endpointUrl, token: secret, http: airtable, clock: systemClock, random: Math.random };
    return getOrCreate(limiters, `owner of ${token}`, () =>
      createOwnerLimiter(
        (signal) => readUserId(options, signal),
        (user) => limiterOf(user === null ? `token ${token}` : `user ${endpointUrl} ${user}`),
      ),
    );
  };

  return {
    of(settings) {
      const tokenLimiter = limiterFor(settings);
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

/** Names the token of a base, with the place that it is for. */
function tokenOf({ store }: Settings): string {
  return store.kind === "airtable" ? `${store.endpointUrl} ${store.token}` : "";
}

function bucketOf({ storage: { baseUrl, addressing } }: Settings): string {
  return parseBucketUrl(baseUrl, addressing).bucket.href;
}

function getOrCreate<T>(map: Map<string, T>, key: string, make: () => T): T {
  const made = map.get(key) ?? make();
  map.set(key, made);
  return made;
}
