import type { RequestListener } from "node:http";
import { describe, expect, it } from "vitest";
import { createGenericProvider, type HttpProviderOptions } from "../../src/providers/generic.ts";
import { bodyOf, send } from "../support/nca.ts";
import { never, serve } from "../support/servers.ts";
import { closing, ID, means } from "./support.ts";

const A = "https://files.example/a.mp4";
const B = "https://files.example/b.mp4";

const DESCRIBED = {
  method: "GET",
  headers: { authorization: "Bearer secret" },
  state: "/status",
  states: { running: ["busy"], succeeded: ["ok", "1", "true"], failed: ["bad"] },
  output: ["/output"],
  error: ["/error/message", "/error"],
  forgottenStatus: [404, 410],
} as const;

async function askOf(answer: RequestListener, over: Partial<HttpProviderOptions> & { path?: string } = {}) {
  const server = await serve(answer);
  const { path = "/v1/{externalId}", ...options } = over;
  const url = server.url + path;
  const provider = closing(createGenericProvider({ ...means(), ...DESCRIBED, url, ...options }));
  return { answer: await provider.ask(ID, never()), server };
}

async function answerOf(body: unknown, over: Partial<HttpProviderOptions> = {}, status = 200) {
  return (await askOf((_request, response) => send(response, status, body), over)).answer;
}

describe("the request of a configured provider", () => {
  it("is the URL with the external id, and the headers", async () => {
    const seen: unknown[] = [];
    const { server } = await askOf((request, response) => {
      seen.push(request.headers.authorization);
      send(response, 200, {});
    });
    expect([server.requests, seen]).toEqual([[`GET /v1/${ID}`], ["Bearer secret"]]);
  });

  it("has the external id encoded in the URL, and in the body as it is", async () => {
    const seen: unknown[] = [];
    const server = await serve(async (request, response) => {
      seen.push(await bodyOf(request), request.headers["content-type"]);
      send(response, 200, {});
    });
    const url = `${server.url}/q?id={externalId}`;
    const body = { ids: ["{externalId}", "a-{externalId}"], "{externalId}": 1, all: true };
    await closing(createGenericProvider({ ...means(), ...DESCRIBED, method: "POST", url, body })).ask("a.b", never());
    await closing(createGenericProvider({ ...means(), ...DESCRIBED, url })).ask("a/b?c", never());
    expect(server.requests).toEqual(["POST /q?id=a.b", "GET /q?id=a%2Fb%3Fc"]);
    expect(seen.slice(0, 2)).toEqual([{ ids: ["a.b", "a-a.b"], "{externalId}": 1, all: true }, "application/json"]);
  });
});

describe("the state that a configured provider gives", () => {
  it.each<[string, unknown, object]>([
    ["at work", { status: "busy", output: A }, { kind: "running", detail: "busy", worker: null }],
    ["done well", { status: "ok", output: A }, { kind: "succeeded", urls: [A], detail: "ok", worker: null }],
    ["a number", { status: 1, output: A }, { kind: "succeeded", urls: [A] }],
    ["a truth value", { status: true, output: A }, { kind: "succeeded", urls: [A] }],
    ["failed, with words", { status: "bad", error: "out of memory" }, { kind: "failed", error: "out of memory" }],
    ["failed, with an object", { status: "bad", error: { message: "oom" } }, { kind: "failed", error: "oom" }],
    ["failed, with another object", { status: "bad", error: { code: 7 } }, { kind: "failed", error: '{"code":7}' }],
    ["failed, without a reason", { status: "bad", error: null }, { kind: "failed", error: "failed, without a reason" }],
  ])("%s", async (_, body, expected) => {
    expect(await answerOf(body)).toMatchObject(expected);
  });

  it.each<[string, unknown]>([
    ["one that is not described", { status: "OK", output: A }],
    ["none", { output: A }],
    ["an object", { status: { code: "ok" }, output: A }],
    ["a list that holds it", [{ status: "ok" }]],
    ["inherited", { status: undefined }],
    ["null", null],
  ])("is unknown when it is %s", async (_, body) => {
    expect(await answerOf(body)).toMatchObject({ kind: "unknown" });
  });

  it("may be deep in the answer, with a slash and a tilde in its path", async () => {
    const body = { "a/b": [{ "c~d": "ok" }], output: A };
    expect(await answerOf(body, { state: "/a~1b/0/c~0d" })).toMatchObject({ kind: "succeeded" });
  });

  it("is not read from an answer other than 2xx", async () => {
    expect(await answerOf({ status: "bad" }, {}, 400)).toMatchObject({ kind: "unknown", detail: "HTTP 400" });
    expect(await answerOf({ status: "bad" }, {}, 500)).toMatchObject({ kind: "unknown", detail: "HTTP 500" });
  });

  it("is read from every 2xx: fal answers 202 until it is done", async () => {
    expect(await answerOf({ status: "busy" }, {}, 202)).toMatchObject({ kind: "running" });
  });
});

describe("the outputs that a configured provider names", () => {
  it.each<[string, unknown, readonly string[]]>([
    ["a URL", A, [A]],
    ["a list of URLs", [A, B, A], [A, B]],
    ["an object with its URL", { url: A, size: 1 }, [A]],
    ["a list of such objects", [{ url: A }, { url: B }], [A, B]],
    ["not there", undefined, []],
    ["null", null, []],
    ["an empty list", [], []],
  ])("are %s", async (_, output, urls) => {
    expect(await answerOf({ status: "ok", output })).toMatchObject({ kind: "succeeded", urls });
  });

  it.each<[string, unknown]>([
    ["a text", "done"],
    ["a number", 7],
    ["an inline file", "data:video/mp4;base64,AAAA"],
    ["a list with one that is no URL", [A, "done"]],
    ["an object without a URL", { file: A }],
  ])("leave it unknown when they are %s", async (_, output) => {
    expect(await answerOf({ status: "ok", output })).toMatchObject({ kind: "unknown" });
  });

  it("are collected from several places", async () => {
    const body = { status: "ok", video: { url: A }, images: [{ url: B }] };
    expect(await answerOf(body, { output: ["/video", "/none", "/images"] })).toMatchObject({ urls: [A, B] });
  });

  it("may be none that are asked for", async () => {
    expect(await answerOf({ status: "ok" }, { output: undefined })).toMatchObject({ kind: "succeeded", urls: [] });
  });
});

describe("a success state with an error", () => {
  it("and without an output is failed: fal calls it COMPLETED", async () => {
    const body = { status: "ok", error: "Request timed out" };
    expect(await answerOf(body)).toMatchObject({
      kind: "failed",
      error: "Request timed out",
      detail: "ok, with an error",
    });
  });
  it("and with an output is a success", async () => {
    expect(await answerOf({ status: "ok", error: "a warning", output: A })).toMatchObject({ kind: "succeeded" });
  });
  it("that is no text is not taken for a failure", async () => {
    expect(await answerOf({ status: "ok", error: { code: 0 } })).toMatchObject({ kind: "succeeded", urls: [] });
  });
});

describe("a job that a configured provider does not have", () => {
  it.each([404, 410])("is forgotten with %i", async (status) => {
    const expected = { kind: "forgotten", detail: `HTTP ${status}`, worker: null };
    expect(await answerOf({ detail: "no such job" }, {}, status)).toEqual(expected);
  });
  it("is forgotten with what the configuration says, and no more", async () => {
    const forgottenStatus = [400];
    expect(await answerOf({}, { forgottenStatus }, 400)).toMatchObject({ kind: "forgotten" });
    expect(await answerOf({}, { forgottenStatus }, 404)).toMatchObject({ kind: "unknown" });
  });
  it("is unknown where a proxy says so in HTML", async () => {
    const { answer } = await askOf((_request, response) => response.writeHead(404).end("<html>404</html>"));
    expect(answer).toMatchObject({ kind: "unknown", detail: "HTTP 404, no JSON" });
  });
});

describe("a result at another URL", () => {
  async function withResult(status: unknown, code: number, result: unknown) {
    const over = { error: ["/error", "/detail"], path: "/v1/{externalId}/status" };
    const server = await serve((request, response) => {
      if (request.url?.endsWith("/status")) send(response, 200, status);
      else send(response, code, result);
    });
    const url = `${server.url}/v1/{externalId}`;
    const options = { ...means(), ...DESCRIBED, ...over, url: `${url}/status`, result: { url, failedStatus: [422] } };
    return { answer: await closing(createGenericProvider(options)).ask(ID, never()), server };
  }

  it("is asked for only once the job has succeeded", async () => {
    expect((await withResult({ status: "busy" }, 200, {})).server.requests).toEqual([`GET /v1/${ID}/status`]);
    const { server, answer } = await withResult({ status: "ok" }, 200, { output: { url: A } });
    expect(server.requests).toEqual([`GET /v1/${ID}/status`, `GET /v1/${ID}`]);
    expect(answer).toEqual({ kind: "succeeded", urls: [A], detail: "ok", worker: null });
  });
  it("is not asked for where the state came with an error", async () => {
    const { server, answer } = await withResult({ status: "ok", error: "Request timed out" }, 200, {});
    expect([server.requests.length, answer.kind]).toEqual([1, "failed"]);
  });
  it("is the failure where it answers as failures do, with a reason", async () => {
    const { answer } = await withResult({ status: "ok" }, 422, { detail: [{ msg: "nsfw" }] });
    expect(answer).toMatchObject({ kind: "failed", error: '[{"msg":"nsfw"}]', detail: "ok, but HTTP 422" });
  });
  it.each<[string, number, unknown, string]>([
    ["unknown where it answers so without a reason", 422, {}, "unknown"],
    ["forgotten where it is no longer kept", 404, { detail: "gone" }, "forgotten"],
    ["unknown where the provider is down", 503, { detail: "x" }, "unknown"],
    ["unknown where the output is no URL", 200, { output: "x" }, "unknown"],
  ])("is %s", async (_, code, body, kind) => {
    expect((await withResult({ status: "ok" }, code, body)).answer).toMatchObject({ kind });
  });
});
