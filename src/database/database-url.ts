/** How far a connection is encrypted and the server's certificate is checked, in libpq's words. */
export type SslMode = (typeof SSL_MODES)[number];

export const SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;

/** Where a database is, and as whom it is entered. */
export interface DatabaseAddress {
  /** A host name or address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | null;
  readonly sslMode: SslMode;
  /** A file with the certificates of who may vouch for the server; `"system"`, or null, for those that Node trusts. */
  readonly sslRootCert: string | null;
  /** The client's own certificate and key, as files; null for none. */
  readonly sslCert: string | null;
  readonly sslKey: string | null;
}

/** What a URL comes to. `message` holds no part of it that is secret. */
export type ParsedDatabaseUrl =
  | { readonly kind: "address"; readonly address: DatabaseAddress }
  | { readonly kind: "wrong"; readonly message: string };

const EXPECTED = "expected a URL as docs/postgresql.md has it: postgres://, user, password, host, database";

/** Parameters that say how libpq or another client behaves, and change nothing of ours. */
const IGNORED = ["application_name", "connect_timeout", "pgbouncer", "schema", "connection_limit", "pool_timeout"];

/** Reads a connection URL as libpq and the clients that follow it do: user, password, host and parameters. */
export function parseDatabaseUrl(text: string): ParsedDatabaseUrl {
  // `new URL` takes no empty host before a path, which libpq has for sockets: postgres://user@/db?host=/run/postgresql
  const trimmed = text.trim();
  if (!/^postgres(ql)?:\/\//.test(trimmed)) return wrong(`found no postgres:// URL; ${EXPECTED}`);
  const withHost = trimmed.replace(/^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)(?=[/?#]|$)/, `$1${NO_HOST}`);
  if (!URL.canParse(withHost)) return wrong(`found a URL that cannot be read (one host only); ${EXPECTED}`);
  const url = new URL(withHost);
  const parameters = url.searchParams;
  const decoded = decodeAll([url.username, url.password, url.hostname, url.pathname.slice(1)]);
  if (decoded === null) return wrong(`found a % that begins no character; write % as %25. ${EXPECTED}`);
  const [user = "", password = "", hostname = "", path = ""] = decoded;
  const unknown = [...parameters.keys()].find((name) => !KNOWN.includes(name) && !IGNORED.includes(name));
  if (unknown !== undefined) return wrong(`found the parameter "${unknown}"; expected ${KNOWN.join(", ")}`);
  const sslMode = parseSslMode(parameters);
  if (sslMode === null) {
    return wrong(`found sslmode "${parameters.get("sslmode")}"; expected ${SSL_MODES.join(", ")}`);
  }
  const named = parameters.get("user") ?? user;
  const host = parameters.get("host") ?? (hostname === NO_HOST ? "localhost" : hostname.replace(/^\[(.*)\]$/, "$1"));
  if (host.includes(",")) return wrong(`found several hosts; expected one, or a proxy before them. ${EXPECTED}`);
  if (named === "") return wrong(`found no user; ${EXPECTED}`);
  const port = Number(parameters.get("port") ?? (url.port === "" ? "5432" : url.port));
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return wrong(`found no port of 1 to 65535; ${EXPECTED}`);
  const secret = parameters.get("password") ?? password;
  return {
    kind: "address",
    address: {
      host,
      port,
      database: parameters.get("dbname") ?? (path === "" ? named : path),
      user: named,
      password: secret === "" ? null : secret,
      sslMode,
      sslRootCert: parameters.get("sslrootcert"),
      sslCert: parameters.get("sslcert"),
      sslKey: parameters.get("sslkey"),
    },
  };
}

const NO_HOST = "no-host.invalid";

const KNOWN = ["host", "port", "dbname", "user", "password", "sslmode", "sslrootcert", "sslcert", "sslkey"];

/** The database by its address, for people: without user and password. */
export function formatAddress({ host, port, database }: DatabaseAddress): string {
  return host.startsWith("/") ? `"${database}" at ${host}` : `"${database}" at ${host}:${port}`;
}

/**
 * The texts of an address that must never be shown. A password that is short, or the name of the user, is part of too
 * many other words: nothing prints it alone, and the URL as a whole is redacted by its form.
 */
export function secretsOfAddress({ password, user, database }: DatabaseAddress): readonly string[] {
  if (password === null || password.length < 8 || [user, database].includes(password)) return [];
  return [password];
}

function parseSslMode(parameters: URLSearchParams): SslMode | null {
  const named = parameters.get("sslmode") ?? (parameters.get("sslrootcert") === "system" ? "verify-full" : "prefer");
  return SSL_MODES.find((mode) => mode === named) ?? null;
}

function decodeAll(parts: readonly string[]): readonly string[] | null {
  try {
    return parts.map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

function wrong(message: string): ParsedDatabaseUrl {
  return { kind: "wrong", message };
}
