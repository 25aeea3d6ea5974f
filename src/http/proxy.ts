import { BlockList, isIP, type Socket } from "node:net";
import { describeNetworkError, TransportError } from "./errors.ts";

/** The variables of the environment that name proxies; all others are ignored. */
export type ProxyEnvironment = Readonly<Record<string, string | undefined>>;

/** A proxy that the environment names. */
export interface ProxyServer {
  readonly url: URL;
  /** The value of Proxy-Authorization; null where the proxy's URL holds no user. */
  readonly authorization: string | null;
}

/**
 * Returns a function that finds the proxy for a URL, or null where it is asked directly: by HTTP_PROXY, HTTPS_PROXY (else
 * HTTP_PROXY) and NO_PROXY, lower case before upper case. Loopback hosts are always asked directly. The function throws
 * a `TransportError` where the variable holds no URL of a proxy.
 */
export function readProxies(env: ProxyEnvironment): (url: URL) => ProxyServer | null {
  const bypasses = parseNoProxy(readVariable(env, "NO_PROXY") ?? "");
  const firstSet = (names: readonly string[]) => names.find((each) => readVariable(env, each) !== null);
  const [forHttps, forHttp] = [firstSet(["HTTPS_PROXY", "HTTP_PROXY"]), firstSet(["HTTP_PROXY"])];
  return (url) => {
    const name = url.protocol === "https:" ? forHttps : forHttp;
    if (name === undefined || bypasses(url)) return null;
    return parseProxy(name, readVariable(env, name) ?? "");
  };
}

/**
 * Opens a connection through the proxy by CONNECT to `authority` (`host:port`). Rejects with a `TransportError` that
 * names the proxy, or with the signal's reason.
 */
export async function openTunnel(
  { url, authorization }: ProxyServer,
  authority: string,
  signal: AbortSignal,
): Promise<Socket> {
  // Imported here: where there is no proxy, these two would load Node's own HTTP client (Node 24) for nothing.
  const { request: send } = url.protocol === "https:" ? await import("node:https") : await import("node:http");
  signal.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const host = normalizeHost(url.hostname);
    const request = send({
      host,
      port: portOf(url),
      // Node would take the name from the Host header, which is the target's.
      servername: isIP(host) === 0 ? host : "",
      method: "CONNECT",
      path: authority,
      headers: { host: authority, ...(authorization === null ? {} : { "proxy-authorization": authorization }) },
      agent: false,
    });
    const finish = (report: () => void) => {
      signal.removeEventListener("abort", abandon);
      report();
    };
    const abandon = () => {
      request.destroy();
      finish(() => reject(signal.reason));
    };
    signal.addEventListener("abort", abandon, { once: true });
    request.on("error", (error) => finish(() => reject(proxyError(url, error))));
    request.once("connect", ({ statusCode = 0 }, socket) => {
      if (statusCode >= 200 && statusCode < 300) return finish(() => resolve(socket));
      socket.destroy();
      finish(() => reject(refusal(url, statusCode)));
    });
    request.end();
  });
}

/** Describes an error of the connection to the proxy itself. */
export function proxyError(proxy: URL, error: Error): TransportError {
  const { detail, permanent } = describeNetworkError(error);
  return new TransportError(`proxy ${proxy.host}: ${detail}`, { code: "ERR_PROXY", permanent });
}

/** A gateway's 5xx is about the target and may pass; 403, 407 and the like are about us. */
function refusal({ host }: URL, status: number): TransportError {
  const hint = status === 407 ? "; put user and password into the proxy's URL" : "";
  const message = `proxy ${host} refused the connection: HTTP ${status}${hint}`;
  return new TransportError(message, { code: "ERR_PROXY", permanent: status < 500 });
}

/** Also `host:port` without a scheme, as curl takes it. */
function parseProxy(name: string, value: string): ProxyServer {
  const text = value.includes("://") ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) throw invalid(name, "no URL of http or https");
  try {
    const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
    const credentials = Buffer.from(`${user}:${password}`, "utf8").toString("base64");
    return { url, authorization: url.username === "" ? null : `Basic ${credentials}` };
  } catch (error) {
    if (error instanceof URIError) throw invalid(name, "user or password with a % that begins no escape");
    throw error;
  }
}

/** The value is not shown: it may hold a password. */
function invalid(name: string, found: string): TransportError {
  const message = `${name}: ${found}; expected http://host:port or https://host:port`;
  return new TransportError(message, { code: "ERR_PROXY", permanent: true });
}

/**
 * NO_PROXY is a list of hosts, each with all below it, of addresses and of networks (`10.0.0.0/8`), separated by commas
 * or spaces; `host:port` is for that port alone, and `*` for all.
 */
function parseNoProxy(value: string): (url: URL) => boolean {
  const entries = value.split(/[,\s]/).filter((entry) => entry !== "");
  const rules = entries.map(parseRule);
  return (url) => {
    const host = normalizeHost(url.hostname);
    return isLoopback(host) || rules.some((matches) => matches(host, portOf(url)));
  };
}

type Rule = (host: string, port: number) => boolean;

function parseRule(entry: string): Rule {
  if (entry === "*") return () => true;
  const [, net = "", bits = ""] = /^([0-9a-fA-F.:]{2,45})\/(\d{1,3})$/.exec(entry) ?? [];
  const family = isIP(net);
  if (family !== 0 && Number(bits) <= (family === 4 ? 32 : 128)) {
    const list = new BlockList();
    list.addSubnet(net, Number(bits), family === 4 ? "ipv4" : "ipv6");
    return (host) => isIP(host) !== 0 && list.check(host, isIP(host) === 4 ? "ipv4" : "ipv6");
  }
  const [, name = entry, port = null] = isIP(entry) === 0 ? (/^(.+):(\d{1,5})$/.exec(entry) ?? []) : [];
  const domain = normalizeHost(name.toLowerCase()).replace(/^\*?\./, "");
  return (host, at) =>
    (port === null || Number(port) === at) && (host === domain || (isIP(host) === 0 && host.endsWith(`.${domain}`)));
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** Returns whether a host is this machine: `localhost` and what is below it, 127.0.0.0/8, ::1. */
function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host === "localhost" || host.endsWith(".localhost");
  return LOOPBACK.check(host, family === 4 ? "ipv4" : "ipv6");
}

/** Returns a host without the brackets of an IPv6 address and the dot that ends a full name. */
export function normalizeHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}

/** Returns the port of a URL, also where it is the default one. */
export function portOf({ port, protocol }: URL): number {
  if (port !== "") return Number(port);
  return protocol === "https:" ? 443 : 80;
}

function readVariable(env: ProxyEnvironment, name: string): string | null {
  const value = (env[name.toLowerCase()] ?? env[name] ?? "").trim();
  return value === "" ? null : value;
}
