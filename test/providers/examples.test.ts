import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readEnvironment } from "../../src/config/env/environment.ts";
import { resolveSettings } from "../../src/config/resolve/resolve.ts";
import { isObject } from "../../src/core/domain/json.ts";
import { createGenericProvider } from "../../src/providers/generic.ts";
import { send } from "../support/nca.ts";
import { never, serve } from "../support/servers.ts";
import { closing, ID, means } from "./support.ts";

const ENV = {
  AIRTABLE_API_KEY: "a-token",
  AIRTABLE_BASE_ID: "appBase0000000001",
  NCA_API_KEY: "nca-key",
  GOAPI_API_KEY: "goapi-key",
  REPLICATE_API_TOKEN: "r8_token",
  FAL_KEY: "fal-id:fal-secret",
  RUNPOD_API_KEY: "rpa_key",
  STUCK_JOBS_WEBHOOK_SECRET: "whsec",
};

const page = readFileSync("docs/providers.md", "utf8");
const examples = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = ""]) => text);

function settled(text: string) {
  return resolveSettings({ path: "docs/providers.md", content: parse(text) }, readEnvironment(ENV), {});
}

/** The example of a provider, asked at a server that answers by path in the vendor's own form. */
async function askExample(name: string, answers: Readonly<Record<string, readonly [number, unknown]>>) {
  const text = examples.find((each) => isObject(parse(each).providers?.[name]));
  const provider = settled(text ?? "").providers.find((each) => each.name === name);
  if (provider?.kind !== "http") throw new Error(`no example of ${name}`);
  const keys: unknown[] = [];
  const server = await serve((request, response) => {
    keys.push(request.headers.authorization);
    const [status, body] = answers[request.url ?? ""] ?? [404, { detail: "not found" }];
    send(response, status, body);
  });
  const local = (url: string) => url.replace(/^https:\/\/[^/]+/, server.url);
  const { result } = provider;
  const options = {
    ...provider,
    ...means(),
    url: local(provider.url),
    result: result && { ...result, url: local(result.url) },
  };
  return { answer: await closing(createGenericProvider(options)).ask(ID, never()), keys };
}

describe("the examples of docs/providers.md", () => {
  it("are all there", () => {
    expect(examples).toHaveLength(7);
  });
  it.each(examples.map((text) => [text.split("\n").slice(0, 2).join(" "), text]))(
    "are configurations: %s",
    (_, text) => {
      expect(() => settled(text)).not.toThrow();
    },
  );
  it.each(["replicate", "fal", "runpod"])("ask %s before it deletes its results", (name) => {
    const text = examples.find((each) => isObject(parse(each).providers?.[name])) ?? "";
    const operation = settled(text).operations.find(({ provider }) => provider === name);
    const minutes = { replicate: 60, fal: 6, runpod: 30 }[name] ?? 0;
    expect(operation?.outputs).toEqual([]);
    expect(operation?.thresholds.stuckAfter).toBeLessThan((minutes / 2) * 60_000);
  });
});

describe("Replicate's answers", () => {
  const path = `/v1/predictions/${ID}`;
  // The body of "get a prediction" in its HTTP reference.
  const prediction = (over: object) => ({ id: ID, status: "succeeded", output: null, error: null, logs: "", ...over });
  it.each<[string, object, object]>([
    ["starting", { status: "starting" }, { kind: "running" }],
    ["processing", { status: "processing", output: null }, { kind: "running" }],
    [
      "one file",
      { output: "https://replicate.delivery/x/out.mp4" },
      { urls: ["https://replicate.delivery/x/out.mp4"] },
    ],
    [
      "several files",
      { output: ["https://replicate.delivery/1", "https://replicate.delivery/2"] },
      { kind: "succeeded" },
    ],
    ["failed", { status: "failed", error: "NSFW content" }, { kind: "failed", error: "NSFW content" }],
    ["canceled", { status: "canceled" }, { kind: "failed" }],
    ["aborted", { status: "aborted" }, { kind: "failed" }],
    ["a result that was removed", { output: null, data_removed: true }, { kind: "succeeded", urls: [] }],
    ["a text for an output", { output: "once upon a time" }, { kind: "unknown" }],
  ])("%s", async (_, over, expected) => {
    const { answer, keys } = await askExample("replicate", { [path]: [200, prediction(over)] });
    expect(answer).toMatchObject(expected);
    expect(keys).toEqual(["Bearer r8_token"]);
  });
  it("no such prediction", async () => {
    expect((await askExample("replicate", {})).answer).toMatchObject({ kind: "forgotten" });
  });
});

describe("fal's answers", () => {
  const result = `/fal-ai/kling-video/requests/${ID}`;
  const status = `${result}/status`;
  const video = { video: { url: "https://v3.fal.media/files/out.mp4", content_type: "video/mp4", file_size: 7 } };
  it.each<[string, Readonly<Record<string, readonly [number, unknown]>>, object]>([
    ["in the queue", { [status]: [202, { status: "IN_QUEUE", queue_position: 3 }] }, { kind: "running" }],
    ["at work", { [status]: [202, { status: "IN_PROGRESS", logs: null }] }, { kind: "running" }],
    [
      "done",
      { [status]: [200, { status: "COMPLETED", metrics: {} }], [result]: [200, video] },
      { kind: "succeeded", urls: ["https://v3.fal.media/files/out.mp4"] },
    ],
    [
      "refused by the model",
      { [status]: [200, { status: "COMPLETED" }], [result]: [422, { detail: [{ msg: "prompt", type: "policy" }] }] },
      { kind: "failed", error: '[{"msg":"prompt","type":"policy"}]' },
    ],
    [
      "come to an error",
      { [status]: [200, { status: "COMPLETED", error: "Request timed out", error_type: "request_timeout" }] },
      { kind: "failed", error: "Request timed out" },
    ],
    ["done, and deleted", { [status]: [200, { status: "COMPLETED" }] }, { kind: "forgotten" }],
    [
      "done, and the queue in trouble",
      { [status]: [200, { status: "COMPLETED" }], [result]: [503, { detail: "Service unavailable" }] },
      { kind: "unknown" },
    ],
    ["not known", {}, { kind: "forgotten" }],
  ])("%s", async (_, answers, expected) => {
    const { answer, keys } = await askExample("fal", answers);
    expect(answer).toMatchObject(expected);
    expect(new Set(keys)).toEqual(new Set(["Key fal-id:fal-secret"]));
  });
});

describe("RunPod's answers", () => {
  const path = `/v2/your-endpoint-id/status/${ID}`;
  const url = "https://my-bucket.s3.eu-central-1.amazonaws.com/out.mp4";
  it.each<[string, object, object]>([
    ["in the queue", { status: "IN_QUEUE" }, { kind: "running" }],
    ["at work", { status: "IN_PROGRESS", delayTime: 5 }, { kind: "running" }],
    ["done", { status: "COMPLETED", executionTime: 9, output: { video_url: url } }, { kind: "succeeded", urls: [url] }],
    ["done, with an error of the worker's", { status: "COMPLETED", output: { error: "oom" } }, { kind: "failed" }],
    ["done, with an inline file", { status: "COMPLETED", output: { video_url: "AAAA" } }, { kind: "unknown" }],
    ["failed", { status: "FAILED", error: "CUDA out of memory" }, { kind: "failed", error: "CUDA out of memory" }],
    ["timed out", { status: "TIMED_OUT" }, { kind: "failed" }],
    ["cancelled", { status: "CANCELLED" }, { kind: "failed" }],
  ])("%s", async (_, over, expected) => {
    const { answer } = await askExample("runpod", { [path]: [200, { id: ID, ...over }] });
    expect(answer).toMatchObject(expected);
  });
  it("no such job, as 30 minutes after it is done", async () => {
    expect((await askExample("runpod", {})).answer).toMatchObject({ kind: "forgotten" });
  });
});
