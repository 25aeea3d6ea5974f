import type { StorageSettings } from "../../config/resolve/storage.ts";
import type { Settings } from "../../config/settings.ts";
import type { OutputPlace, OutputProbe } from "../../core/ports/ports.ts";
import { DEFAULT_TIMEOUTS } from "../../http/timeout.ts";
import { parseBucketUrl, toBucketUrl } from "../../storage/bucket-url.ts";
import { openConnection, type StorageConnection, shareConnection } from "../../storage/connection.ts";
import { createProbe } from "../../storage/probe.ts";
import { systemClock } from "../../system/clock.ts";

const SYSTEM = { clock: systemClock, random: Math.random, env: process.env };

/** The connections to buckets, with their limits; probes of one bucket share one. */
export interface StorageConnections {
  to(storage: StorageSettings): StorageConnection;
  /** Closes every connection. */
  close(): Promise<void>;
}

/**
 * Opens the connection to each bucket that bases and their operations use. Where they configure different limits for
 * one bucket, the lowest applies.
 */
export function openStorageConnections(bases: readonly Settings[]): StorageConnections {
  const storages = new Set(bases.flatMap((each) => [each.storage, ...each.operationStorages.values()]));
  const usersOf = new Map<string, StorageSettings[]>();
  for (const storage of storages) {
    const bucket = bucketOf(storage);
    const users = usersOf.get(bucket);
    if (users === undefined) usersOf.set(bucket, [storage]);
    else users.push(storage);
  }
  const connections = new Map<string, StorageConnection>();

  const connectTo = (bucket: string): StorageConnection => {
    const users = usersOf.get(bucket) ?? [];
    return openConnection({
      concurrency: Math.min(...users.map(({ concurrency }) => concurrency)),
      requestsPerSecond: Math.min(...users.map(({ requestsPerSecond }) => requestsPerSecond)),
      timeouts: DEFAULT_TIMEOUTS,
      ...SYSTEM,
    });
  };

  return {
    to(storage) {
      const bucket = bucketOf(storage);
      const connection = connections.get(bucket) ?? connectTo(bucket);
      connections.set(bucket, connection);
      return shareConnection(connection);
    },
    async close() {
      await Promise.all([...connections.values()].map(({ client }) => client.close()));
    },
  };
}

function bucketOf({ baseUrl, addressing }: StorageSettings): string {
  return parseBucketUrl(baseUrl, addressing).bucket.href;
}

/** The storages of one base's settings. */
export interface OpenStorages {
  /** That of every operation that has none of its own. */
  readonly probe: OutputProbe;
  readonly ownPlaces: ReadonlyMap<string, OutputPlace>;
  /** Returns the probe of the bucket that holds a URL, which is asked with our credentials there alone; null for none. */
  probeFor(url: string): OutputProbe | null;
  close(): Promise<void>;
}

/** Opens the storages of the settings. `shared` are the connections of several bases, which stay open. */
export function openStorages(settings: Settings, shared: StorageConnections | null = null): OpenStorages {
  const connections = shared ?? openStorageConnections([settings]);
  const opened = new Map<string, { readonly probe: OutputProbe; readonly storage: StorageSettings }>();
  const open = (storage: StorageSettings): OutputProbe => {
    const { baseUrl, addressing, credentials, attachmentUrlTtl } = storage;
    const place = JSON.stringify([baseUrl, addressing, credentials, attachmentUrlTtl]);
    const probe =
      opened.get(place)?.probe ?? createProbe({ ...storage, ...SYSTEM, connection: connections.to(storage) });
    opened.set(place, { probe, storage });
    return probe;
  };
  const probe = open(settings.storage);
  const own = [...settings.operationStorages].map(
    ([name, storage]) => [name, { probe: open(storage), otherNames: storage.otherNames }] as const,
  );
  return {
    probe,
    ownPlaces: new Map(own),
    probeFor(url) {
      const holder = [...opened.values()].find(({ storage }) => isInBucket(storage, url));
      return holder?.probe ?? null;
    },
    async close() {
      if (shared === null) await connections.close();
    },
  };
}

function isInBucket({ baseUrl, addressing }: StorageSettings, url: string): boolean {
  return URL.canParse(url) && toBucketUrl(parseBucketUrl(baseUrl, addressing), new URL(url)) !== null;
}
