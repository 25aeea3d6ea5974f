import { isObject, type JsonObject } from "../../core/domain/json.ts";
import type { HttpClient } from "../../http/client.ts";
import type { ResponseHead } from "../../http/response.ts";

/** One request to the API. `path` begins with a slash and is encoded; `body` is sent as JSON. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PATCH";
  /** What the path is below: the base where absent, or "meta", which describes tokens, bases and schemas. */
  readonly under?: "meta";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
}

/** A whole answer. `body` is the parsed object, or null where the text is no JSON object. */
export interface ApiAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject | null;
}

/**
 * Sends one request, once. `onSent` is called when the request has left this process. Rejects with `NoAnswer`,
 * `AnswerTooLarge`, or the signal's reason.
 */
export type ApiClient = (request: ApiRequest, signal: AbortSignal, onSent: () => void) => Promise<ApiAnswer>;

export interface ApiClientOptions {
  readonly endpointUrl: string;
  readonly baseId: string;
  readonly token: string;
  readonly http: HttpClient;
}

/**
 * No whole answer came. `sent`: the request may have reached the server, and may have been carried out. `permanent`:
 * asking again cannot help.
 */
export class NoAnswer extends Error {
  readonly sent: boolean;
  readonly permanent: boolean;
  constructor(message: string, { sent, permanent }: { readonly sent: boolean; readonly permanent: boolean }) {
    super(message);
    this.name = "NoAnswer";
    this.sent = sent;
    this.permanent = permanent;
  }
}

/** A page of 100 records with two full long texts each, 100,000 characters being Airtable's limit for one, is larger. */
const MAX_BODY_MIB = 16;

/** The body of an answer is longer than `MAX_BODY_MIB`; it was not read to its end. */
export class AnswerTooLarge extends Error {
  constructor() {
    super(`Airtable's answer is larger than ${MAX_BODY_MIB} MiB`);
    this.name = "AnswerTooLarge";
  }
}

export function createApiClient({ endpointUrl, baseId, token, http }: ApiClientOptions): ApiClient {
  return async ({ method, under, path, query, body }, signal, onSent) => {
    const reply = await http.send(
      {
        method,
        url: new URL(`${endpointUrl.replace(/\/$/, "")}/v0/${under ?? baseId}${path}${formatQuery(query)}`),
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        maxBytes: MAX_BODY_MIB * 1024 * 1024,
        onSent,
      },
      signal,
    );
    if (reply.kind === "failure") throw new NoAnswer(reply.detail, reply);
    const { status } = reply;
    // Of an error that is so long the status says enough.
    if (!reply.complete && status === 200) throw new AnswerTooLarge();
    return { status, headers: joinHeaders(reply), body: parseBody(reply.body) };
  };
}

/** As Airtable has it: the items of a list under `name[]`. */
function formatQuery(query: ApiRequest["query"] = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (typeof value === "string") parameters.append(name, value);
    else for (const each of value) parameters.append(`${name}[]`, each);
  }
  return parameters.size === 0 ? "" : `?${parameters}`;
}

function joinHeaders({ headers }: ResponseHead): ApiAnswer["headers"] {
  return Object.fromEntries(Object.entries(headers).map(([name, value = ""]) => [name, String(value)]));
}

function parseBody(body: Buffer): JsonObject | null {
  try {
    const parsed: unknown = JSON.parse(body.toString("utf8"));
    return isObject(parsed) ? parsed : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
