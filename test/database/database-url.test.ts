import { describe, expect, it } from "vitest";
import { formatAddress, parseDatabaseUrl } from "../../src/database/database-url.ts";

describe("reading a database URL", () => {
  it.each([
    [
      "postgres://u:p@db.test:6543/app?sslmode=require",
      { host: "db.test", port: 6543, database: "app", user: "u", password: "p", sslMode: "require" },
    ],
    [
      "postgresql://u@db.test",
      { host: "db.test", port: 5432, database: "u", user: "u", password: null, sslMode: "prefer" },
    ],
    ["postgres://u%40x:p%2F%25@[::1]/a%20b", { host: "::1", user: "u@x", password: "p/%", database: "a b" }],
    ["postgres://u@/app?host=/var/run/postgresql", { host: "/var/run/postgresql", database: "app" }],
    ["postgres:///app?user=u", { host: "localhost", database: "app", user: "u" }],
    ["postgres://u@h/d?sslrootcert=system", { sslMode: "verify-full", sslRootCert: "system" }],
    ["postgres://u@h/d?pgbouncer=true&connection_limit=1", { host: "h" }],
  ])("reads %s", (url, address) => {
    expect(parseDatabaseUrl(url)).toMatchObject({ kind: "address", address });
  });

  it.each([
    ["mysql://u:secret@h/d", "found no postgres:// URL"],
    ["postgres://u:secret@h/d?sslmode=maybe", 'found sslmode "maybe"'],
    ["postgres://u:secret@a,b/d", "several hosts"],
    ["postgres://u:secret%@h/d", "a % that begins no character"],
    ["postgres://h/d", "found no user"],
    ["postgres://u:secret@h:99999/d", "cannot be read"],
    ["postgres://u:secret@h/d?option=x", 'the parameter "option"'],
  ])("refuses %s without naming its password", (url, message) => {
    const parsed = parseDatabaseUrl(url);
    expect(parsed).toMatchObject({ kind: "wrong", message: expect.stringContaining(message) });
    expect(JSON.stringify(parsed)).not.toContain("secret");
  });

  it("names a database without user and password", () => {
    const parsed = parseDatabaseUrl("postgres://me:secret@db.test/app");
    expect(parsed.kind === "address" && formatAddress(parsed.address)).toBe('"app" at db.test:5432');
  });
});
