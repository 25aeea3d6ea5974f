import { lookup as systemLookup } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { normalizeHost } from "../http/proxy.ts";
import { isHttp } from "../http/response.ts";
import { isPublicAddress } from "./public-addresses.ts";

/** An address of a host, as the resolver gives it. */
export interface Address {
  readonly address: string;
  readonly family: number;
}

export interface AllowListOptions {
  /** In lower case; each with all hosts under it. */
  readonly outputHosts: readonly string[];
  /** Whether addresses of private networks are allowed too. */
  readonly allowPrivate: boolean;
  /** Finds all addresses of a host; by default the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly Address[]>;
}

/** Keeps a provider from directing our requests to hosts that the operator did not allow. */
export interface HostAllowList {
  /** Returns why a URL may not be requested, for people; null for one that may be. Throws what `resolve` throws. */
  check(url: URL): Promise<string | null>;
  /** Resolves a host to the addresses that were checked, and to no others, whatever its name means by then. */
  readonly lookup: LookupFunction;
}

export function createHostAllowList(options: AllowListOptions): HostAllowList {
  const { outputHosts, allowPrivate, resolve = allAddresses } = options;
  const checked = new Map<string, readonly Address[]>();

  return {
    async check(url) {
      const host = normalizeHost(url.hostname);
      if (!isHttp(url)) return "not a URL of http or https";
      if (url.username !== "" || url.password !== "") return "a URL with user or password";
      if (!outputHosts.some((allowed) => isSubdomainOf(host, normalizeHost(allowed)))) {
        return `${url.host} is not one of the provider's outputHosts`;
      }
      const addresses = isIP(host) === 0 ? await resolve(host) : [{ address: host, family: isIP(host) }];
      if (addresses.length === 0) return `${host} has no address`;
      const inner = addresses.find(({ address }) => !isPublicAddress(address));
      if (inner !== undefined && !allowPrivate) {
        return `${url.host} leads to ${inner.address}, which is no public address`;
      }
      checked.set(host, addresses);
      return null;
    },

    lookup(host, options, callback) {
      const [first, ...others] = checked.get(normalizeHost(host)) ?? [];
      if (first === undefined) callback(new Error(`${host} was not checked`), "", 0);
      else if (options.all) callback(null, [first, ...others]);
      else callback(null, first.address, first.family);
    },
  };
}

async function allAddresses(host: string): Promise<readonly Address[]> {
  return await systemLookup(host, { all: true });
}

/** Returns whether a host is `allowed` itself or one under it. An IP address is under no other. */
function isSubdomainOf(host: string, allowed: string): boolean {
  return host === allowed || (isIP(host) === 0 && host.endsWith(`.${allowed}`));
}
