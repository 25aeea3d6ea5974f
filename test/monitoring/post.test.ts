import { describe, expect, it } from "vitest";
import { type Message, send } from "../../src/monitoring/post.ts";
import { closedPort, never, serve, serveRaw, testClock } from "../support/servers.ts";
import { receive } from "./receiver.ts";

const messageTo = (url: string): Message => ({ method: "POST", url, body: "three jobs, ✓", contentType: "text/plain" });

function policyWith(limit = 5_000) {
  return { clock: testClock(), signal: never(), limit, pauses: [1_000, 3_000] };
}

describe("a posted message", () => {
  it("is posted with its body and type", async () => {
    const receiver = await receive();
    expect(await send(messageTo(`${receiver.url}/secret?create=1`), policyWith())).toEqual({ kind: "sent" });
    expect(receiver.received).toEqual([
      { method: "POST", path: "/secret?create=1", type: "text/plain", body: "three jobs, ✓" },
    ]);
  });
  it.each([503, 429, 408])("is tried twice more after %s, with pauses", async (status) => {
    const receiver = await receive((_, count) => (count < 3 ? status : 200));
    const policy = policyWith();
    expect(await send(messageTo(receiver.url), policy)).toEqual({ kind: "sent" });
    expect(receiver.received).toHaveLength(3);
    expect(policy.clock.slept).toEqual([1_000, 3_000]);
  });
  it("is given up after that, with the answer and no more of the address than the host", async () => {
    const receiver = await receive(() => 500);
    expect(await send(messageTo(`${receiver.url}/secret`), policyWith())).toEqual({
      kind: "failed",
      detail: `127.0.0.1:${receiver.port}: HTTP 500`,
    });
    expect(receiver.received).toHaveLength(3);
  });
  it.each([404, 410, 400])("is not tried again after %s", async (status) => {
    const receiver = await receive(() => status);
    expect(await send(messageTo(receiver.url), policyWith())).toMatchObject({ kind: "failed" });
    expect(receiver.received).toHaveLength(1);
  });
  it("does not follow a redirect", async () => {
    const elsewhere = await receive();
    const place = await serve((_, response) => response.writeHead(307, { location: elsewhere.url }).end());
    const sent = await send(messageTo(place.url), policyWith());
    expect(sent).toMatchObject({ kind: "failed", detail: expect.stringContaining("HTTP 307") });
    expect(elsewhere.received).toEqual([]);
  });
  it("to a server that never answers is given up in time", async () => {
    const receiver = await receive(() => null);
    const sent = await send(messageTo(receiver.url), policyWith(50));
    expect(sent).toMatchObject({ kind: "failed", detail: expect.stringContaining("timed out after 50 ms") });
  });
  it("to a server that stalls in its answer is given up in time", async () => {
    const place = await serveRaw((socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nOK"));
    const sent = await send(messageTo(place.url), policyWith(50));
    expect(sent).toMatchObject({ kind: "failed", detail: expect.stringContaining("timed out after 50 ms") });
  });
  it.each([
    ["breaks off", "connection closed before the answer was complete", (url: string) => url],
    ["is refused", "connection refused \\(ECONNREFUSED\\)", async () => `http://127.0.0.1:${await closedPort()}`],
  ])("whose connection %s fails with %s", async (_, code, urlOf) => {
    const place = await serveRaw((socket) => socket.destroy());
    const sent = await send(messageTo(`${await urlOf(place.url)}/secret`), policyWith());
    expect(sent).toMatchObject({
      kind: "failed",
      detail: expect.stringMatching(new RegExp(`^127.0.0.1:\\d+: ${code}$`)),
    });
  });
  it("is not tried again when the program is stopped", async () => {
    const stop = new AbortController();
    const receiver = await receive(() => {
      stop.abort();
      return 503;
    });
    expect(await send(messageTo(receiver.url), { ...policyWith(), signal: stop.signal })).toMatchObject({
      kind: "failed",
    });
    expect(receiver.received).toHaveLength(1);
  });
  it("is ended under way when it is cut", async () => {
    const cut = new AbortController();
    const receiver = await receive(() => {
      cut.abort();
      return null;
    });
    const sent = await send(messageTo(receiver.url), { ...policyWith(60_000), signal: cut.signal, cut: cut.signal });
    expect(sent).toMatchObject({ kind: "failed", detail: expect.stringContaining("cut off") });
    expect(receiver.received).toHaveLength(1);
  });
});
