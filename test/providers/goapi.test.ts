import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createGoapi } from "../../src/providers/goapi.ts";
import { send } from "../support/nca.ts";
import { never, serve } from "../support/servers.ts";
import { closing, ID, means } from "./support.ts";

const VIDEO = "https://storage.theapi.app/videos/281081460327773.mp4";
const NO_ERROR = { code: 0, raw_message: "", message: "", detail: null };

/** A task that is done, in the form of its webhooks and its documentation. */
function task(over: Record<string, unknown> = {}) {
  return { task_id: ID, model: "kling", status: "completed", output: { video_url: VIDEO }, error: NO_ERROR, ...over };
}

async function askOf(status: number, body: unknown) {
  const keys: unknown[] = [];
  const server = await serve((request, response) => {
    keys.push(request.headers["x-api-key"]);
    send(response, status, body);
  });
  const goapi = closing(createGoapi({ ...means(), baseUrl: `${server.url}/`, apiKey: "goapi-key" }));
  return { answer: await goapi.ask(ID, never()), server, keys };
}

async function answerOf(data: unknown) {
  return (await askOf(200, { code: 200, data, message: "success" })).answer;
}

describe("GoAPI's answer for a task", () => {
  it("is asked for once, with the key", async () => {
    const { server, keys } = await askOf(200, { code: 200, data: task() });
    expect(server.requests).toEqual([`GET /api/v1/task/${ID}`]);
    expect(keys).toEqual(["goapi-key"]);
  });

  it.each(["pending", "processing", "staged", "Processing"])("%s is running", async (status) => {
    expect(await answerOf(task({ status, output: null }))).toMatchObject({ kind: "running", worker: null });
  });

  it("is read as in its real webhooks", async () => {
    const real: { payload: { data: { task_id: string; output: { video_url: string } } } }[] = JSON.parse(
      readFileSync("test/support/goapi-webhooks.json", "utf8"),
    );
    for (const { payload } of real) {
      const answer = await answerOf({ ...payload.data, task_id: ID });
      expect(answer).toMatchObject({ kind: "succeeded", urls: [payload.data.output.video_url] });
    }
    expect(real.length).toBeGreaterThan(0);
  });

  const work = (without: string) => ({
    video: { resource: "https://v15-kling.klingai.com/a.mp4", resource_without_watermark: without },
  });
  it.each<[string, unknown, readonly string[]]>([
    ["a video", { video_url: VIDEO, works: [work("https://other.example/b.mp4")] }, [VIDEO]],
    ["music", { audio_url: "https://img.theapi.app/temp/a.flac" }, ["https://img.theapi.app/temp/a.flac"]],
    ["works without a watermark", { works: [work(VIDEO)] }, [VIDEO]],
    ["works, where there is no better one", { works: [work("")] }, ["https://v15-kling.klingai.com/a.mp4"]],
    ["a video object", { video: { url: VIDEO } }, [VIDEO]],
    ["nothing", {}, []],
    ["an empty text", { video_url: "" }, []],
    ["a list", [], []],
  ])("names its output as %s", async (_, output, urls) => {
    expect(await answerOf(task({ output }))).toMatchObject({ kind: "succeeded", urls });
  });

  it.each<[string, unknown, string]>([
    ["its reason", { code: 10000, message: "task failed", raw_message: "content policy" }, "task failed"],
    ["the model's reason, where it has none", { message: "", raw_message: "content policy" }, "content policy"],
    ["no reason", NO_ERROR, "failed, without a reason"],
    ["no error at all", undefined, "failed, without a reason"],
  ])("failed is failed, for %s", async (_, error, reason) => {
    expect(await answerOf(task({ status: "failed", output: undefined, error }))).toMatchObject({
      kind: "failed",
      error: reason,
    });
  });

  it("is forgotten where it knows no such task", async () => {
    const { answer } = await askOf(404, { code: 404, data: null, message: "task not found" });
    expect(answer).toEqual({ kind: "forgotten", detail: "HTTP 404", worker: null });
  });
});

describe("GoAPI's answer is unknown for", () => {
  it.each<[string, number, unknown]>([
    ["another task", 200, { code: 200, data: task({ task_id: "other" }) }],
    ["a task without its id", 200, { code: 200, data: task({ task_id: undefined }) }],
    ["a state that is not known", 200, { code: 200, data: task({ status: "archived" }) }],
    ["no state", 200, { code: 200, data: task({ status: undefined }) }],
    ["an error of its own", 200, { code: 500, data: task(), message: "try again" }],
    [
      "done with an error and without an output",
      200,
      { code: 200, data: task({ output: {}, error: { message: "x" } }) },
    ],
    ["no task", 200, { code: 200, data: null }],
    ["a list", 200, []],
    ["a refused key", 401, { code: 401, message: "invalid key" }],
    ["a bad request", 400, { code: 400, data: task({ status: "failed" }) }],
    ["a rate limit", 429, { code: 429, data: task({ status: "failed" }) }],
    ["a failure that came with another status", 400, { code: 200, data: task({ status: "failed" }) }],
    ["a bare 404", 404, "not found"],
  ])("%s", async (_, status, body) => {
    expect((await askOf(status, body)).answer).toMatchObject({ kind: "unknown" });
  });
});
