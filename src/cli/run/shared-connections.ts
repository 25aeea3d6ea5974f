import type { Settings } from "../../config/settings.ts";
import { openConnections } from "../../stores/airtable/base.ts";
import { createOwnerLimiter, readUserId } from "../../stores/airtable/identity.ts";
import type { AcquireSlot } from "../../stores/airtable/rate-limit.ts";
import { systemClock } from "../../system/clock.ts";
import type { Shared } from "./adapters.ts";
import { openStorageConnections } from "./storages.ts";

/** The connections and limits that several bases share. */
export interface SharedConnections {
  of(settings: Settings): Shared;
  /** Closes every connection. */
  close(): Promise<void>;
}

/**
 * Opens the rate limiter of each account, and the connection and limits of each bucket. Where there are several tokens,
 * Airtable is asked whose they are: it counts the requests of all tokens of one user together. In a fleet they are asked for wherever
 * there are accounts, so that every command names an account alike, whatever bases it is for.
 *
 * @param budgetOf returns the limiter of an account, which other hosts may share
 */
export function openSharedConnections(
  bases: readonly Settings[],
  budgetOf: (account: string) => AcquireSlot,
): SharedConnections {
  const airtable = openConnections(process.env);
  const limiters = new Map<string, AcquireSlot>();
  const tokens = new Set(bases.filter(({ store }) => store.kind === "airtable").map(tokenOf));
  const connections = openStorageConnections(bases);

  const limiterOf = (key: string, account: string) => getOrCreate(limiters, key, () => budgetOf(account));

  /** Only requests to Airtable are limited by the token they are made with. */
  const limiterFor = (settings: Settings): AcquireSlot => {
    const { store } = settings;
    const token = tokenOf(settings);
    const asksForOwner = tokens.size > 1 || settings.fleet?.hasAccounts === true;
    if (store.kind !== "airtable" || !asksForOwner) return limiterOf(`token ${token}`, accountOf(settings));
    const { endpointUrl, token: secret } = store;
    const options = { endpointUrl, token: secret, http: airtable, clock: systemClock, random: Math.random };
    return getOrCreate(limiters, `owner of ${token}`, () =>
      createOwnerLimiter(
        (signal) => readUserId(options, signal),
        (user) =>
          user === null ? limiterOf(`token ${token}`, accountOf(settings)) : limiterOf(`${endpointUrl} ${user}`, user),
      ),
    );
  };

  return {
    of(settings) {
      return { base: { http: airtable, tokenLimiter: limiterFor(settings) }, connections };
    },
    async close() {
      await Promise.all([airtable.close(), connections.close()]);
    },
  };
}

/** What the hosts of a fleet call the account of a base: they need not have the same token. */
function accountOf({ store }: Settings): string {
  return (store.kind === "airtable" ? store.account : null) ?? "default";
}

/** Names the token of a base, with the place that it is for. */
function tokenOf({ store }: Settings): string {
  return store.kind === "airtable" ? `${store.endpointUrl} ${store.token}` : "";
}

function getOrCreate<T>(map: Map<string, T>, key: string, make: () => T): T {
  const made = map.get(key) ?? make();
  map.set(key, made);
  return made;
}
