import type { Settings } from "../../config/settings.ts";
import { placeOf } from "../../storage/bucket-url.ts";
import { type Lane, openLane, sharing } from "../../storage/connection.ts";
import { DEFAULT_TIMEOUTS } from "../../storage/probe.ts";
import { createCeiling } from "../../stores/airtable/ceiling.ts";
import type { Turn } from "../../stores/airtable/rate-limit.ts";
import { createSend } from "../../stores/airtable/transport.ts";
import { systemClock } from "../../system/clock.ts";
import type { Shared } from "./adapters.ts";

/** What several bases have in common, for each of them. */
export interface Commons {
  of(settings: Settings): Shared;
  /** Ends every connection. */
  close(): Promise<void>;
}

/**
 * Opens what bases of one token and outputs in one bucket go through together: Airtable's limit for the token, the
 * bucket's pace, and the connections to both. A bucket for which bases say different things gets the least of them.
 */
export function openCommons(bases: readonly Settings[]): Commons {
  const ceilings = new Map<string, Turn>();
  const sends = new Map<string, ReturnType<typeof createSend>>();
  const lanes = new Map<string, Lane>();

  const laneTo = (bucket: string): Lane => {
    const users = bases.filter((settings) => bucketOf(settings) === bucket).map(({ storage }) => storage);
    return openLane({
      concurrency: Math.min(...users.map(({ concurrency }) => concurrency)),
      requestsPerSecond: Math.min(...users.map(({ requestsPerSecond }) => requestsPerSecond)),
      clock: systemClock,
      timeouts: DEFAULT_TIMEOUTS,
    });
  };

  return {
    of(settings) {
      const { endpointUrl, token } = settings.airtable;
      const { send } = kept(sends, endpointUrl, () => createSend(endpointUrl));
      const ceiling = kept(ceilings, `${endpointUrl} ${token}`, () => createCeiling(systemClock));
      const bucket = bucketOf(settings);
      return { base: { send, ceiling }, lane: sharing(kept(lanes, bucket, () => laneTo(bucket))) };
    },
    async close() {
      for (const { close } of sends.values()) close();
      await Promise.all([...lanes.values()].map(({ wire }) => wire.close()));
    },
  };
}

function bucketOf({ storage: { baseUrl, addressing } }: Settings): string {
  return placeOf(baseUrl, addressing).bucket.href;
}

function kept<T>(map: Map<string, T>, key: string, make: () => T): T {
  const made = map.get(key) ?? make();
  map.set(key, made);
  return made;
}
