import { lookup as systemLookup } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { isPublicAddress } from "./public-addresses.ts";

/** An address of a host, as the resolver gives it. */
export interface Address {
  readonly address: string;
  readonly family: number;
}

export interface GuardOptions {
  /** In lower case; each with all hosts under it. */
  readonly outputHosts: readonly string[];
  /** Whether addresses of private networks are allowed too. */
  readonly allowPrivate: boolean;
  /** All addresses of a host; by default the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly Address[]>;
}

/** Keeps us from being sent by a provider to where nobody meant us to look. */
export interface HostAllowList {
  /** Why a URL is not to be asked for, in words for people; null for one that may be. Throws what `resolve` throws. */
  refusalOf(url: URL): Promise<string | null>;
  /** Leads connections to the addresses that were checked, and to no others, whatever the name means by then. */
  readonly lookup: LookupFunction;
}

export function createGuard({ outputHosts, allowPrivate, resolve = allAddresses }: GuardOptions): HostAllowList {
  const checked = new Map<string, readonly Address[]>();

  return {
    async refusalOf(url) {
      const host = normalizeHost(url.hostname);
      if (!/^https?:$/.test(url.protocol)) return "not a URL of http or https";
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

/** Without the brackets of an IPv6 address, and the dot that ends a full name. */
function normalizeHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}

/** The host itself, or one under it. An address is nobody's subdomain. */
function isSubdomainOf(host: string, allowed: string): boolean {
  return host === allowed || (isIP(host) === 0 && host.endsWith(`.${allowed}`));
}
