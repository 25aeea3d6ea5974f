import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPublicAddress } from "../../src/storage/public-addresses.ts";

describe("an address", () => {
  it.each([
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001:80f::200e",
    "::ffff:1.1.1.1",
    "::ffff:101:101",
    "64:ff9b::1.1.1.1",
  ])("%s is public", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.170",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:0:0",
    "0:0:0:0:0:ffff:a9fe:a9fe",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1.1.1.1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd12:3456:789a::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2606:4700::1111%1",
    "",
    "localhost",
    "127.1",
    "0x7f.0.0.1",
    "1.1.1.1:80",
    "[::1]",
  ])("%s is not", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it("is the same in the forms of IPv6 that hold an IPv4 address", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
        const hexadecimal = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
        const expected = isPublicAddress(address);
        for (const form of [`::ffff:${address}`, `::ffff:${hexadecimal}`, `64:ff9b::${hexadecimal}`]) {
          expect([form, isPublicAddress(form)]).toEqual([form, expected]);
        }
      }),
    );
  });
});
