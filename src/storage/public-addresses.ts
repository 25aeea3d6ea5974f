import { BlockList, isIPv4, isIPv6 } from "node:net";

/** Networks that are not the public internet, by IANA's registries of special-purpose addresses. */
const SPECIAL_V4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8], // "this network"; on Linux 0.0.0.0 is this machine
  ["10.0.0.0", 8], // private
  ["100.64.0.0", 10], // carrier-grade NAT
  ["127.0.0.0", 8], // loopback
  ["169.254.0.0", 16], // link-local; clouds answer with credentials at 169.254.169.254
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // protocol assignments
  ["192.0.2.0", 24], // documentation
  ["192.88.99.0", 24], // 6to4 relays
  ["192.168.0.0", 16], // private
  ["198.18.0.0", 15], // benchmarks
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, and the broadcast address
];

/** Only 2000::/3 is assigned to the public internet; these are within it. */
const SPECIAL_V6: readonly (readonly [string, number])[] = [
  ["2001::", 23], // protocol assignments, with Teredo, which hides an IPv4 address
  ["2001:db8::", 32], // documentation
  ["2002::", 16], // 6to4, which holds an IPv4 address
  ["3fff::", 20], // documentation
];

const special = new BlockList();
for (const [net, prefix] of SPECIAL_V4) special.addSubnet(net, prefix, "ipv4");
for (const [net, prefix] of SPECIAL_V6) special.addSubnet(net, prefix, "ipv6");

const global = new BlockList();
global.addSubnet("2000::", 3, "ipv6");

/** `::ffff:0:0/96` is an IPv4 address in another form, `64:ff9b::/96` what NAT64 makes of one. */
const IPV4_EMBEDDED = new BlockList();
IPV4_EMBEDDED.addSubnet("::ffff:0:0", 96, "ipv6");
IPV4_EMBEDDED.addSubnet("64:ff9b::", 96, "ipv6");

/** Returns whether an IP address is one of the public internet; false for a text that is no address. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !special.check(address, "ipv4");
  // A zone (`fe80::1%eth0`) belongs to link-local addresses alone.
  if (!isIPv6(address) || address.includes("%")) return false;
  const embedded = embeddedIn(address);
  if (embedded !== null) return isPublicAddress(embedded);
  return global.check(address, "ipv6") && !special.check(address, "ipv6");
}

function embeddedIn(address: string): string | null {
  if (!IPV4_EMBEDDED.check(address, "ipv6")) return null;
  // URLs write IPv6 in one form only, the last 32 bits as two groups of hexadecimal digits.
  const groups = new URL(`http://[${address}]`).hostname.slice(1, -1).split(":");
  const [high = "", low = ""] = groups.slice(-2);
  const bits = Number.parseInt(high || "0", 16) * 0x10000 + Number.parseInt(low || "0", 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join(".");
}

/** Returns whether a URL's host is, by its name alone, this machine or in a private network. */
export function isInternalHost(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  if (isIPv4(address) || isIPv6(address)) return !isPublicAddress(address);
  // A name without a dot is resolved by a network of one's own, as a container's or a cluster's.
  return !address.includes(".") || /\.(?:localhost|local|internal|lan|home\.arpa|test)$/.test(address);
}

/** Returns whether a URL's host is this machine. */
export function isLoopback(hostname: string): boolean {
  return /^(?:127\..*|\[::1\]|(?:.*\.)?localhost)$/.test(hostname);
}
