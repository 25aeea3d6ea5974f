import { readFile } from "node:fs/promises";
import type { ConnectionOptions } from "node:tls";
import type { DatabaseAddress } from "./database-url.ts";

/** TLS as a connection is to use it; false for none. */
export type Encryption = false | ConnectionOptions;

/**
 * Returns the ways in which libpq connects for a sslmode, in its order: `prefer` goes on without TLS where the server
 * has none, `allow` the other way round, `require` encrypts without asking who is there, `verify-ca` checks the
 * certificate and `verify-full` the host name as well. A socket on this machine is never encrypted.
 */
export async function encryptionsOf(address: DatabaseAddress): Promise<readonly Encryption[]> {
  if (address.host.startsWith("/") || address.sslMode === "disable") return [false];
  const files = await readFiles(address);
  // libpq: a root certificate that is there is used, also where none was asked for.
  const verifies = address.sslMode.startsWith("verify-") || files.ca !== undefined;
  const tls: ConnectionOptions = {
    ...files,
    rejectUnauthorized: verifies,
    ...(address.sslMode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
  };
  switch (address.sslMode) {
    case "allow":
      return [false, tls];
    case "prefer":
      return [tls, false];
    case "require":
    case "verify-ca":
    case "verify-full":
      return [tls];
  }
}

async function readFiles({ sslRootCert, sslCert, sslKey }: DatabaseAddress): Promise<ConnectionOptions> {
  return {
    ...(sslRootCert === null || sslRootCert === "system" ? {} : { ca: await readFile(sslRootCert) }),
    ...(sslCert === null ? {} : { cert: await readFile(sslCert) }),
    ...(sslKey === null ? {} : { key: await readFile(sslKey) }),
  };
}
