import { createSend, type Raw, type Send } from "./transport.ts";

/** One request to the API. `path` begins with a slash and is encoded; `body` is sent as JSON. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PATCH";
  /** What the path is below: the base, where absent, or what Airtable tells of tokens, bases and schemas. */
  readonly under?: "meta";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
}

/** What came back, whole. `body` is the parsed object, or null where the text is no JSON object. */
export interface ApiAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject | null;
}

export interface JsonObject {
  readonly [key: string]: unknown;
}

/** Asks the base one thing, once. Rejects with `ExchangeError`, or with the signal's reason. */
export interface ApiClient {
  /** `left` is called when the request has left this process. */
  (request: ApiRequest, signal: AbortSignal, onSent?: () => void): Promise<ApiAnswer>;
  close(): void;
}

export interface ExchangeOptions {
  readonly endpointUrl: string;
  readonly baseId: string;
  readonly token: string;
  /** Milliseconds from the request to the end of the body. */
  readonly limit?: number;
  /** Connections that are others' as well, and theirs to close. Absent: its own. */
  readonly send?: Send;
}

/** Airtable answers a full page in about a second; the client's own default of 5 minutes outlives any sweep. */
const DEFAULT_LIMIT = 20_000;

/** What the airtable client looks for instead of node-fetch; see vendor/node-fetch. */
const FETCH = Symbol.for("stuck-jobs.airtable-fetch");

/**
 * The call that a client is just being asked for, so that one fetch serves the clients of several bases: the client asks
 * for its fetch before `makeRequest` returns.
 */
let begun: Call | null = null;

interface Call {
  readonly send: Send;
  readonly limit: number;
  readonly signal: AbortSignal;
  readonly onSent: () => void;
  /** Set as soon as the request went out: the client itself keeps neither answer nor fault as they were. */
  outcome: Promise<Raw> | null;
}

/**
 * Exchanges through the airtable client's `makeRequest`: it builds URL, query and headers. The answer is taken from
 * the wire, since the client drops the server's own words for 401, 403, 429 and 500, hides the headers, and cannot
 * limit the time that a body takes (facts measured on airtable 0.12.2).
 */
export function createApiClient(options: ExchangeOptions): ApiClient {
  const { endpointUrl, baseId, token, limit = DEFAULT_LIMIT } = options;
  const { send, close } = options.send === undefined ? createSend(endpointUrl) : { send: options.send, close() {} };
  Reflect.set(globalThis, FETCH, clientFetch);
  let client: Promise<MakeRequest> | null = null;

  const exchange = async (
    request: ApiRequest,
    signal: AbortSignal,
    onSent: () => void = () => undefined,
  ): Promise<ApiAnswer> => {
    client ??= openClient(endpointUrl, baseId, token);
    const makeRequest = await client;
    signal.throwIfAborted();
    const call: Call = { send, limit, signal, onSent, outcome: null };
    begun = call;
    const told = makeRequest(request).catch(() => undefined);
    begun = null;
    await told;
    if (call.outcome === null) throw new Error("the airtable client did not send the request");
    return answerOf(await call.outcome);
  };
  return Object.assign(exchange, { close });
}

type MakeRequest = (request: ApiRequest) => Promise<unknown>;

/** Importing the client costs about 88 ms of CPU, so it is left to the first request. */
async function openClient(endpointUrl: string, baseId: string, token: string): Promise<MakeRequest> {
  const { default: Airtable } = await import("airtable");
  const client = new Airtable({ apiKey: token, endpointUrl, noRetryIfRateLimited: true });
  // The client puts the base's id before every path, and knows no other place: "meta" is one by that name to it.
  const [base, meta] = [client.base(baseId), client.base("meta")];
  return ({ method, under, path, query, body }) =>
    (under === "meta" ? meta : base).makeRequest({
      method,
      path,
      ...(query === undefined ? {} : { qs: query }),
      ...(body === undefined ? {} : { body }),
    });
}

interface ClientInit {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The part of a fetch that the client asks for: a status, headers, and the body as JSON. */
async function clientFetch(url: string, { method, headers, body }: ClientInit) {
  const call = begun;
  if (call === null) throw new Error("the airtable client is used outside of an exchange");
  const { limit, signal, onSent } = call;
  call.outcome = call.send({ url, method, headers, body: body ?? null, left: onSent }, limit, signal);
  const raw = await call.outcome;
  return { status: raw.status, headers: raw.headers, json: async () => JSON.parse(raw.text) };
}

function answerOf({ status, headers, text }: Raw): ApiAnswer {
  try {
    const parsed: unknown = JSON.parse(text);
    return { status, headers, body: isObject(parsed) ? parsed : null };
  } catch (error) {
    if (error instanceof SyntaxError) return { status, headers, body: null };
    throw error;
  }
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
