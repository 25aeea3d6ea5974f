import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingMessage, RequestListener } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import type { WebhookResend } from "../../src/core/ports/ports.ts";
import { createWebhookSender, type ResendOptions } from "../../src/webhooks/sender.ts";
import { COMBINE, CONCATENATE } from "../support/builders.ts";
import { closedPort, never, serve, serveRaw } from "../support/servers.ts";

const ID = "ffac0a55-414d-4cb1-9bf7-11f670410c8e";
const OUTPUT = `https://phi-bucket.nyc3.digitaloceanspaces.com/phi-bucket/${ID}_output_0.mp4`;
const JOB = "recUYxRdv5gc5fTGm";

const compose = { ...COMBINE, webhookEndpoint: "/v1/ffmpeg/compose" };
const concatenate = { ...CONCATENATE, webhookEndpoint: "/v1/video/concatenate" };

interface Received {
  readonly line: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** The application's handler: keeps what it received, then answers. */
async function handler(answer: RequestListener = (_request, response) => response.end("OK")) {
  const received: Received[] = [];
  const server = await serve(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString("utf8");
    received.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
    answer(request, response);
  });
  return { ...server, received, host: `127.0.0.1:${server.port}` };
}

function senderOf(over: Partial<ResendOptions> = {}) {
  const made = createWebhookSender({ allowHosts: [], signature: null, ...over });
  onTestFinished(() => made.close());
  return made;
}

function webhook(url: string, over: Partial<WebhookResend> = {}): WebhookResend {
  const webhookUrl = `${url}/webhooks/nca-toolkit?job_id=${JOB}&operation=combine`;
  return { webhookUrl, externalId: ID, outputs: [OUTPUT], operation: compose, ...over };
}

describe("the webhook that is sent again", () => {
  it("is a POST of JSON to the job's own URL, once", async () => {
    const app = await handler();
    const sender = senderOf({ allowHosts: [app.host] });
    expect(await sender.post(webhook(app.url), never())).toEqual({ kind: "accepted", detail: "HTTP 200" });
    expect(app.received.map(({ line }) => line)).toEqual([
      `POST /webhooks/nca-toolkit?job_id=${JOB}&operation=combine`,
    ]);
    expect(app.received[0]?.headers["content-type"]).toBe("application/json");
    expect(sender.requests()).toBe(1);
  });

  it("has the keys of NCA's, in their order and with their types, and says what theirs say", async () => {
    const real: { payload: Record<string, unknown> }[] = JSON.parse(
      readFileSync("test/support/nca-webhooks.json", "utf8"),
    );
    for (const { payload } of real) {
      const { endpoint, job_id: externalId, id, response } = payload;
      const outputs = (Array.isArray(response) ? response.map((each) => each.file_url) : [response]).map(String);
      const app = await handler();
      const operation = endpoint === "/v1/video/concatenate" ? concatenate : compose;
      const webhookUrl = `${app.url}/w${id === null ? "" : `?job_id=${id}`}`;
      const request = { webhookUrl, externalId: String(externalId), outputs, operation };
      await senderOf({ allowHosts: [app.host] }).post(request, never());
      const sent = JSON.parse(app.received[0]?.body ?? "null");
      expect(Object.keys(sent)).toEqual(Object.keys(payload));
      const known = ["endpoint", "code", "id", "job_id", "response", "message"];
      for (const key of known) expect([key, sent[key]]).toEqual([key, payload[key]]);
      for (const [key, value] of Object.entries(payload)) {
        if (!known.includes(key)) expect([key, typeof sent[key]]).toEqual([key, typeof value]);
      }
    }
    expect(real.length).toBeGreaterThan(0);
  });

  it("names the caller's id only where the URL names a record", async () => {
    const app = await handler();
    const sender = senderOf({ allowHosts: [app.host] });
    for (const query of ["", "?job_id=7", `?id=${JOB}`]) {
      await sender.post(webhook(app.url, { webhookUrl: `${app.url}/w${query}` }), never());
    }
    expect(app.received.map(({ body }) => JSON.parse(body).id)).toEqual([null, null, null]);
  });

  it("holds every output of a route that answers with a list", async () => {
    const app = await handler();
    await senderOf({ allowHosts: [app.host] }).post(webhook(app.url, { outputs: [OUTPUT, `${OUTPUT}2`] }), never());
    expect(JSON.parse(app.received[0]?.body ?? "").response).toEqual([
      { file_url: OUTPUT },
      { file_url: `${OUTPUT}2` },
    ]);
  });
});

describe("the signature of a webhook", () => {
  it("is the HMAC of exactly the bytes that were sent", async () => {
    const app = await handler();
    const signature = { header: "X-Webhook-Signature", prefix: "sha256=", secret: "schlüssel" };
    const outputs = [`${OUTPUT}?name=müsli-✓`];
    await senderOf({ allowHosts: [app.host], signature }).post(webhook(app.url, { outputs }), never());
    const [received] = app.received;
    const expected = createHmac("sha256", "schlüssel")
      .update(Buffer.from(received?.body ?? "", "utf8"))
      .digest("hex");
    expect(received?.headers["x-webhook-signature"]).toBe(`sha256=${expected}`);
  });
  it("is that of RFC 4231's algorithm", () => {
    // Test case 2: it guards the test above against a hash that both sides would get wrong.
    expect(createHmac("sha256", "Jefe").update("what do ya want for nothing?").digest("hex")).toBe(
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
  });
  it("is not there unless configured", async () => {
    const app = await handler();
    await senderOf({ allowHosts: [app.host] }).post(webhook(app.url), never());
    expect(Object.keys(app.received[0]?.headers ?? {}).filter((name) => name.includes("signature"))).toEqual([]);
  });
});

describe("no webhook is sent", () => {
  it.each<[string, (host: string) => readonly string[]]>([
    ["when no host is listed", () => []],
    ["to the host on another port than is listed", () => ["127.0.0.1:1"]],
    ["to the host on a port of its own when only the host is listed", () => ["127.0.0.1"]],
    ["to a host that ends alike", (host) => [host.slice(1)]],
    ["when another host is listed", () => ["app.example"]],
  ])("%s", async (_, allowed) => {
    const app = await handler();
    const answer = await senderOf({ allowHosts: allowed(app.host) }).post(webhook(app.url), never());
    expect(answer).toEqual({ kind: "not-sent", detail: `${app.host} is not one of webhooks.allowHosts` });
    expect(app.sockets).toEqual([]);
  });

  it.each<[string, Partial<WebhookResend>, string]>([
    [
      "for a URL with a password",
      { webhookUrl: "http://a:b@127.0.0.1/w" },
      "the job's webhook URL has a user or password",
    ],
    ["for a text that is no URL", { webhookUrl: "n/a" }, "the job's webhook URL is not one of http or https"],
    ["for another scheme", { webhookUrl: "file:///etc/passwd" }, "the job's webhook URL is not one of http or https"],
    ["without the endpoint", { operation: COMBINE }, "operation combine has no webhookEndpoint"],
    ["without an output", { outputs: [] }, "0 outputs, but /v1/ffmpeg/compose has one"],
    [
      "with more outputs than the route has",
      { operation: concatenate, outputs: [OUTPUT, OUTPUT] },
      "2 outputs, but /v1/video/concatenate has one",
    ],
  ])("%s", async (_, over, detail) => {
    const sender = senderOf({ allowHosts: ["127.0.0.1"] });
    expect(await sender.post(webhook("http://127.0.0.1", over), never())).toEqual({ kind: "not-sent", detail });
    expect(sender.requests()).toBe(0);
  });

  it("where nobody listens", async () => {
    const port = await closedPort();
    const sender = senderOf({ allowHosts: [`127.0.0.1:${port}`] });
    const answer = await sender.post(webhook(`http://127.0.0.1:${port}`), never());
    expect(answer).toEqual({ kind: "not-sent", detail: "connection refused (ECONNREFUSED)" });
  });
});

it("takes a host without a port for the scheme's own", async () => {
  const sender = senderOf({ allowHosts: ["app.invalid", "other.invalid:443"] });
  for (const url of ["https://app.invalid", "http://app.invalid:80", "https://other.invalid"]) {
    const answer = await sender.post(webhook(url), never());
    expect(answer).toMatchObject({ kind: "not-sent", detail: expect.stringMatching(/^host n/) });
  }
  expect((await sender.post(webhook("http://other.invalid"), never())).detail).toMatch(/not one of/);
});

describe("the handler's answer to a webhook", () => {
  it.each([
    [200, "accepted"],
    [202, "accepted"],
    [204, "accepted"],
    [400, "refused"],
    [401, "refused"],
    [404, "refused"],
    [429, "refused"],
    [500, "failed"],
    [502, "unknown"],
    [503, "unknown"],
    [504, "unknown"],
  ])("%i is %s, and the webhook is not sent again", async (status, kind) => {
    const app = await handler((_request, response) => response.writeHead(status).end());
    const answer = await senderOf({ allowHosts: [app.host] }).post(webhook(app.url), never());
    expect(answer).toEqual({ kind, detail: `HTTP ${status}` });
    expect(app.received).toHaveLength(1);
  });

  it("is refused where it is a redirect, which is not followed", async () => {
    const elsewhere = await handler();
    const app = await handler((_request, response) => {
      response.writeHead(308, { location: `${elsewhere.url}/?secret=x` }).end();
    });
    const answer = await senderOf({ allowHosts: [app.host, elsewhere.host] }).post(webhook(app.url), never());
    expect(answer).toEqual({ kind: "refused", detail: `HTTP 308 to ${elsewhere.host}, which is not followed` });
    expect(elsewhere.received).toEqual([]);
  });

  it("is unknown where none came in time", async () => {
    const app = await handler(() => {});
    const timeouts = { connect: 5_000, answer: 50 };
    const answer = await senderOf({ allowHosts: [app.host], timeouts }).post(webhook(app.url), never());
    expect(answer).toEqual({ kind: "unknown", detail: "sent, but timed out after 50 ms" });
    expect(app.received).toHaveLength(1);
  });

  it("is unknown where the connection ended before it came", async () => {
    const server = await serveRaw((socket) => socket.destroy());
    const answer = await senderOf({ allowHosts: [`127.0.0.1:${server.port}`] }).post(webhook(server.url), never());
    expect(answer.kind).toBe("unknown");
    expect(server.requests).toHaveLength(1);
  });

  it("is known from its status, however long its page", async () => {
    const app = await handler((_request, response) => response.end("x".repeat(1_000_000)));
    const answer = await senderOf({ allowHosts: [app.host] }).post(webhook(app.url), never());
    expect(answer).toEqual({ kind: "accepted", detail: "HTTP 200" });
  });
});

it("opens a connection of its own for each webhook", async () => {
  const app = await handler();
  const sender = senderOf({ allowHosts: [app.host] });
  await sender.post(webhook(app.url), never());
  await sender.post(webhook(app.url), never());
  expect(app.sockets).toHaveLength(2);
});

it("a webhook ends with the signal's reason when it is aborted", async () => {
  const stop = new AbortController();
  const app = await handler(() => stop.abort(new Error("stop")));
  await expect(senderOf({ allowHosts: [app.host] }).post(webhook(app.url), stop.signal)).rejects.toThrow("stop");
});
