import { createServer } from "node:https";
import { describe, expect, it } from "vitest";
import { UpstreamError } from "../../../src/core/ports/errors.ts";
import { ReadRefused } from "../../../src/stores/airtable/requests.ts";
import { closedPort, listen } from "../../support/servers.ts";
import { hasOpenssl, selfSigned } from "../../support/tls.ts";
import { clientOf, json, raw, reset, scriptedBase, stalled, truncated } from "./server.ts";

const never = new AbortController().signal;
const ANY_TIME = { signal: never, notAfter: Number.POSITIVE_INFINITY };
const READ = { method: "GET", path: "/Jobs" } as const;
const WRITE = { method: "PATCH", path: "/Jobs", body: { records: [] } } as const;
const RATE_LIMIT = { errors: [{ error: "RATE_LIMIT_REACHED", message: "Rate limit exceeded" }] };

describe("a read", () => {
  it.each([
    ["a reset", reset],
    ["a truncated body", truncated],
    ["an HTML page with status 200", raw(200, "<html>oops</html>")],
    ["a 503", json(503, {})],
    ["a 500 in HTML", raw(500, "<h1>Internal</h1>")],
  ])("is repeated after %s", async (_, fault) => {
    const base = await scriptedBase(fault, fault, json(200, { records: [] }));
    const { requests } = clientOf(base.url);
    await expect(requests.read(READ, never)).resolves.toEqual({ records: [] });
    expect(base.seen).toHaveLength(3);
    expect(requests.sent()).toBe(3);
  });

  it("gives up after four attempts, as unavailable, and says what came back", async () => {
    const base = await scriptedBase(json(502, { error: { type: "BAD_GATEWAY", message: "upstream" } }));
    const { requests } = clientOf(base.url);
    await expect(requests.read(READ, never)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/table "Jobs": HTTP 502 BAD_GATEWAY upstream \(tried 4 times\)/),
    });
    expect(base.seen).toHaveLength(4);
  });

  it("is repeated when its body stalls", async () => {
    const base = await scriptedBase(stalled, json(200, { records: [] }));
    const { requests } = clientOf(base.url, { limit: 100 });
    await expect(requests.read(READ, never)).resolves.toEqual({ records: [] });
  });

  it.skipIf(!hasOpenssl)("is not repeated when the server's certificate is not trusted", async () => {
    const { port } = await listen(createServer(selfSigned()));
    const { requests, clock } = clientOf(`https://127.0.0.1:${port}`);
    const before = clock.now();
    await expect(requests.read(READ, never)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/table "Jobs": certificate: .*NODE_EXTRA_CA_CERTS/),
    });
    expect(clock.now()).toBe(before);
  });

  it("is not counted as sent when no server was reached", async () => {
    const { requests } = clientOf(`http://127.0.0.1:${await closedPort()}`);
    await expect(requests.read(READ, never)).rejects.toMatchObject({ code: "unavailable" });
    expect(requests.sent()).toBe(0);
  });

  it("rejects with the reason of the signal that ends it", async () => {
    const base = await scriptedBase(stalled);
    const { requests } = clientOf(base.url);
    const controller = new AbortController();
    const asked = requests.read(READ, controller.signal);
    setTimeout(() => controller.abort(new Error("the deadline")), 50);
    await expect(asked).rejects.toThrow("the deadline");
  });

  it.each([
    [
      401,
      { error: { type: "AUTHENTICATION_REQUIRED", message: "Authentication required" } },
      "auth",
      "AUTHENTICATION_REQUIRED",
    ],
    [
      403,
      { error: { type: "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", message: "Invalid permissions" } },
      "auth",
      "Invalid permissions",
    ],
    [404, { error: "NOT_FOUND" }, "config", "NOT_FOUND"],
    [404, { error: { type: "MODEL_ID_NOT_FOUND" } }, "config", "MODEL_ID_NOT_FOUND"],
  ])("reports Airtable's own message for a %i", async (status, body, code, words) => {
    const base = await scriptedBase(json(status, body));
    const asked = clientOf(base.url).requests.read(READ, never);
    await expect(asked).rejects.toBeInstanceOf(UpstreamError);
    await expect(asked).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
      hint: expect.any(String),
    });
    expect(base.seen).toHaveLength(1);
  });

  it("reports no more than 500 characters of a message", async () => {
    const base = await scriptedBase(json(403, { error: { type: "X", message: "y".repeat(100_000) } }));
    const error = await clientOf(base.url)
      .requests.read(READ, never)
      .catch((thrown: unknown) => thrown);
    expect(String(error)).toMatch(/HTTP 403 X y+…$/);
    expect(String(error).length).toBeLessThan(600);
  });

  it("is refused, and not unavailable, where Airtable refuses the formula", async () => {
    const base = await scriptedBase(
      json(422, { error: { type: "INVALID_FILTER_BY_FORMULA", message: "Unknown field names: x" } }),
    );
    const asked = clientOf(base.url).requests.read(READ, never);
    await expect(asked).rejects.toBeInstanceOf(ReadRefused);
    await expect(asked).rejects.toMatchObject({ type: "INVALID_FILTER_BY_FORMULA" });
  });
});

describe("a rate limit", () => {
  it("is waited for 30 s where the server names no time", async () => {
    const base = await scriptedBase(json(429, RATE_LIMIT), json(200, { records: [] }));
    const { requests, clock } = clientOf(base.url);
    const before = clock.now();
    await requests.read(READ, never);
    expect(clock.now() - before).toBe(30_000);
    expect(requests.sent()).toBe(2);
  });

  it("is waited for as long as Retry-After asks", async () => {
    const base = await scriptedBase(json(429, RATE_LIMIT, { "retry-after": "7" }), json(200, { records: [] }));
    const { requests, clock } = clientOf(base.url);
    const before = clock.now();
    await requests.read(READ, never);
    expect(clock.now() - before).toBe(7_000);
  });

  it("is not waited for beyond the deadline", async () => {
    const base = await scriptedBase(json(429, RATE_LIMIT));
    const { requests } = clientOf(base.url, { remaining: () => 20_000 });
    await expect(requests.read(READ, never)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("30 s"),
    });
    expect(base.seen).toHaveLength(1);
  });

  it("that never ends is unavailable", async () => {
    const base = await scriptedBase(json(429, RATE_LIMIT));
    await expect(clientOf(base.url).requests.read(READ, never)).rejects.toMatchObject({ code: "unavailable" });
    expect(base.seen).toHaveLength(3);
  });

  it("of a spent monthly quota is not waited for", async () => {
    const body = {
      errors: [{ error: "PUBLIC_API_BILLING_LIMIT_EXCEEDED", message: "The API billing plan limit has been exceeded" }],
    };
    const base = await scriptedBase(json(429, body));
    const asked = clientOf(base.url).requests.read(READ, never);
    await expect(asked).rejects.toMatchObject({ code: "unavailable", hint: expect.stringContaining("monthly") });
    expect(base.seen).toHaveLength(1);
  });

  it("leaves a write unsent, since after the wait it would rest on an old read", async () => {
    const base = await scriptedBase(json(429, RATE_LIMIT), json(200, { records: [] }));
    const { requests } = clientOf(base.url);
    await expect(requests.write(WRITE, ANY_TIME)).resolves.toMatchObject({ kind: "unconfirmed" });
    await expect(requests.write(WRITE, ANY_TIME)).resolves.toMatchObject({ kind: "unconfirmed" });
    expect(base.seen).toHaveLength(1);
  });
});

describe("a write", () => {
  it.each([
    ["a reset", reset],
    ["a truncated body", truncated],
    ["an HTML page with status 200", raw(200, "<html>")],
    ["a 500", json(500, {})],
    ["a page of a firewall with status 403", raw(403, "<html>")],
    ["a page of a proxy with status 404", raw(404, "<html>")],
  ])("is sent once and is unconfirmed after %s", async (_, fault) => {
    const base = await scriptedBase(fault);
    await expect(clientOf(base.url).requests.write(WRITE, ANY_TIME)).resolves.toMatchObject({ kind: "unconfirmed" });
    expect(base.seen).toHaveLength(1);
  });

  it("is unconfirmed when its answer is larger than 16 MiB", async () => {
    const base = await scriptedBase(raw(200, `{"records":["${"x".repeat(17 * 1024 * 1024)}"]}`));
    await expect(clientOf(base.url).requests.write(WRITE, ANY_TIME)).resolves.toEqual({
      kind: "unconfirmed",
      error: "Airtable's answer is larger than 16 MiB",
    });
  });

  it("that is not permitted is refused, with Airtable's message and what to check", async () => {
    const base = await scriptedBase(
      json(403, { error: { type: "INVALID_PERMISSIONS", message: "You are not permitted" } }),
    );
    await expect(clientOf(base.url).requests.write(WRITE, ANY_TIME)).resolves.toMatchObject({
      kind: "refused",
      cause: "permission",
      error: expect.stringMatching(/You are not permitted.*may not edit this table or field/),
    });
  });

  it("is not sent where its time is over when it could be, and does not count", async () => {
    const base = await scriptedBase(json(200, { records: [] }));
    const { requests, clock } = clientOf(base.url);
    const until = (notAfter: number) => requests.write(WRITE, { signal: never, notAfter });
    await expect(until(clock.now() - 1)).resolves.toMatchObject({ kind: "stale" });
    expect([base.seen.length, requests.sent()]).toEqual([0, 0]);
    await expect(until(clock.now())).resolves.toMatchObject({ kind: "accepted" });
  });

  it("with a token that is not valid throws", async () => {
    const base = await scriptedBase(json(401, { error: { type: "AUTHENTICATION_REQUIRED", message: "no" } }));
    await expect(clientOf(base.url).requests.write(WRITE, ANY_TIME)).rejects.toMatchObject({ code: "auth" });
  });
});

it("the clock skew is the server's time minus ours", async () => {
  const base = await scriptedBase(json(200, { records: [] }, { date: "Sun, 01 Mar 2026 12:02:00 GMT" }));
  const { requests } = clientOf(base.url);
  expect(requests.skew()).toBeNull();
  await requests.read(READ, never);
  expect(requests.skew()).toBe(120_500);
});

it("the token is sent in the Authorization header only", async () => {
  const base = await scriptedBase(json(200, { records: [] }));
  await clientOf(base.url).requests.read(READ, never);
  expect(base.seen[0]?.headers.authorization).toBe("Bearer patTest.0123456789");
  expect(base.seen[0]?.target).not.toContain("pat");
});
