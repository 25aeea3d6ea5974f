import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import type { JobHistory, JobStore } from "../../../src/core/ports/ports.ts";
import { createHttpClient } from "../../../src/http/client.ts";
import { createApiClient } from "../../../src/stores/airtable/client.ts";
import { createRequests, type Requests } from "../../../src/stores/airtable/requests.ts";
import { createStore } from "../../../src/stores/airtable/store.ts";
import { COMBINE, CONCATENATE, NOW } from "../../support/builders.ts";
import { stillClock } from "../../support/fakes.ts";
import { listen } from "../../support/servers.ts";

/** A request as the server saw it; `target` is the path with its query, decoded. */
export interface Seen {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

type Script = (response: ServerResponse) => void;

/** A base that answers each request by the next entry of its script, and all further ones by the last. */
export async function scriptedBase(...script: readonly Script[]): Promise<{ url: string; seen: readonly Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const line = script[Math.min(seen.length, script.length - 1)];
      const { method = "", url = "", headers } = request;
      const target = decodeURIComponent(url.replaceAll("+", " "));
      seen.push({ method, target, headers, body: Buffer.concat(chunks).toString() });
      line?.(response);
    });
  });
  const { url } = await listen(server);
  return { url, seen };
}

/** Answers with JSON, with the date of the test's clock by default. */
export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Script {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json", date: new Date(NOW).toUTCString(), ...headers });
    response.end(JSON.stringify(body));
  };
}

export function raw(status: number, text: string): Script {
  return (response) => {
    response.writeHead(status, { "content-type": "text/html" });
    response.end(text);
  };
}

/** Ends the connection without an answer. */
export const reset: Script = (response) => response.socket?.destroy();

/** Promises more than it sends. */
export const truncated: Script = (response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
  response.write('{"records":[');
  setImmediate(() => response.socket?.destroy());
};

/** Sends headers and then nothing. */
export const stalled: Script = (response) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.write("{");
};

export const TOKEN = "patTest.0123456789";
export const BASE_ID = "appTest0000000001";

export interface Client {
  readonly requests: Requests;
  readonly store: JobStore & JobHistory;
  readonly clock: ReturnType<typeof stillClock>;
}

/** The adapter as the CLI composes it, on a clock that only sleeping moves. */
export function clientOf(
  url: string,
  over: { readonly remaining?: () => number | null; readonly limit?: number } = {},
): Client {
  const clock = stillClock();
  const http = createHttpClient({ connections: 8, timeouts: { connect: 5_000, answer: over.limit ?? 20_000 } });
  const requests = createRequests({
    client: createApiClient({ endpointUrl: url, baseId: BASE_ID, token: TOKEN, http }),
    acquireSlot: async (signal) => {
      signal.throwIfAborted();
      return { sent() {}, done() {} };
    },
    clock,
    random: () => 0.5,
    remaining: over.remaining ?? (() => null),
  });
  const store = createStore(requests, {
    baseId: BASE_ID,
    jobs: {
      table: "Jobs",
      fields: {
        status: "Status",
        type: "Type",
        externalId: "External Job ID",
        ownId: null,
        requestPayload: "Request Payload",
        responsePayload: "Response Payload",
        webhookUrl: "Webhook URL",
        error: "Error Details",
        notes: "Notes",
        startedAt: null,
        completedAt: null,
      },
      completedStatus: "completed",
    },
    operations: [COMBINE, CONCATENATE],
  });
  onTestFinished(() => http.close());
  return { requests, store, clock };
}
