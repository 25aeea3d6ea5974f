import type Airtable from "airtable";
import { isObject, type JsonObject } from "../../core/domain/json.ts";
import type { ApiRequest } from "./client.ts";

/** Sends one request that the airtable client built. What it throws is what the client's own promise rejects with. */
export type SendRequest = (request: ApiRequest) => Promise<JsonObject>;

/** Opens a table for one call: the requests that the client makes for it go to `send`. */
export type OpenTable = (name: string, send: SendRequest) => Promise<ClientTable>;

/** What is used of the client's Table. `update` is wider than its own type, which knows neither null nor `{ url }`. */
export interface ClientTable extends Pick<Airtable.Table<Airtable.FieldSet>, "select"> {
  update(
    records: readonly { readonly id: string; readonly fields: JsonObject }[],
  ): Promise<readonly { readonly id: string; readonly fields: JsonObject }[]>;
}

/**
 * Opens tables of the airtable client. Its Table and Query build the requests and page through the answers; they send
 * through their base's `runAction`, and each call gets a base of its own whose `runAction` is ours. The client's own
 * transport, which neither limits the time of a body nor keeps the server's message, is never reached.
 */
export function createTables(): OpenTable {
  let client: Promise<Airtable> | null = null;
  return async (name, send) => {
    client ??= loadClient();
    const table = (await client).base(BASE)(name);
    table._base.runAction = (method, path, query, body, callback) => {
      // `send` has checked the answer, so the callback does not throw: a throw would be an unhandled rejection.
      send(buildRequest(method, path, query, body)).then((answer) => callback(null, undefined, answer), callback);
    };
    return table;
  };
}

/** Token, endpoint and base are known to the transport (client.ts): the client refuses to start without a token. */
async function loadClient(): Promise<Airtable> {
  const { default: Client } = await import("airtable");
  return new Client({ apiKey: "unused" });
}

const BASE = "unused";

function buildRequest(method: string, path: string, query: JsonObject, body: unknown): ApiRequest {
  const parameters = Object.entries(query).map(([key, value]) => [
    key,
    Array.isArray(value) ? value.map(String) : String(value),
  ]);
  return {
    method: parseMethod(method),
    // The client ends the path of a write with a slash, which the API reference does not.
    path: path.replace(/\/$/, ""),
    ...(parameters.length === 0 ? {} : { query: Object.fromEntries(parameters) }),
    ...(isObject(body) ? { body: withoutMethod(body) } : {}),
  };
}

/** The client leaves its own option `method` in the body of a listing. */
function withoutMethod({ method: _, ...body }: JsonObject): JsonObject {
  return body;
}

/** The client writes methods in lower case. */
function parseMethod(method: string): ApiRequest["method"] {
  switch (method) {
    case "get":
      return "GET";
    case "post":
      return "POST";
    case "patch":
      return "PATCH";
    default:
      throw new Error(`the airtable client sent ${method}; expected get, post or patch`);
  }
}
