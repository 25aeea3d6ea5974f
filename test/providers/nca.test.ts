import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createNca, type NcaOptions } from "../../src/providers/nca.ts";
import { doneJob, type FakeNca, type KeptJob, QUEUE, send, startNca } from "../support/nca.ts";
import { closedPort, never, serve, serveRaw, testClock } from "../support/servers.ts";
import { closing, ID, means } from "./support.ts";

const URL_OF_IT = `https://phi-bucket.nyc3.digitaloceanspaces.com/phi-bucket/${ID}.mp4`;
const WORKER = `queue ${QUEUE} of process 3`;

function ncaAt(baseUrl: string, over: Partial<NcaOptions> = {}) {
  return closing(createNca({ ...means(), baseUrl, apiKey: "nca-key", sinceSeconds: 86_400, ...over }));
}

async function askOf(job: KeptJob | string | null) {
  const server = await startNca();
  if (job !== null) server.jobs.set(ID, job);
  return { server, answer: await ncaAt(server.url).ask(ID, never()) };
}

function routes({ asked }: FakeNca): readonly string[] {
  return asked.map(({ route }) => route.replace("/v1/toolkit/", ""));
}

describe("NCA's answer for a job", () => {
  it.each(["queued", "running", "submitted"])("%s in the list of all jobs is running", async (state) => {
    const { server, answer } = await askOf({ job_status: state, response: null });
    expect(answer).toEqual({ kind: "running", detail: state, worker: null });
    expect(server.asked).toEqual([{ route: "/v1/toolkit/jobs/status", body: { since_seconds: 86_400 } }]);
  });

  it("done with code 200 is a success, with the URL that it names", async () => {
    const { server, answer } = await askOf(doneJob(200, URL_OF_IT));
    expect(answer).toEqual({ kind: "succeeded", urls: [URL_OF_IT], detail: "done, code 200", worker: WORKER });
    expect(server.asked[1]).toEqual({ route: "/v1/toolkit/job/status", body: { job_id: ID } });
  });

  it("done with code 500 is failed, for its own reason", async () => {
    const { answer } = await askOf(doneJob(500, "ffmpeg: Invalid data found when processing input"));
    expect(answer).toEqual({
      kind: "failed",
      error: "ffmpeg: Invalid data found when processing input",
      detail: "done, code 500",
      worker: WORKER,
    });
  });

  it.each<[string, unknown, readonly string[]]>([
    ["a list of files", [{ file_url: "https://x.example/a" }, { file_url: "https://x.example/b" }], ["a", "b"]],
    ["a file with its preview", [{ file_url: "https://x.example/a", thumbnail_url: "https://x.example/t" }], ["a"]],
    ["a list of URLs", ["https://x.example/a"], ["a"]],
    ["an object with URLs", { text_url: "https://x.example/t", text: "x", srt_url: "https://x.example/s" }, ["t", "s"]],
    ["an object with a file", { file_url: "https://x.example/a", thumbnail_url: "https://x.example/t" }, ["a"]],
    ["an empty list", [], []],
    ["a text that is no URL", "the transcript", []],
    ["a URL of another scheme", "file:///etc/passwd", []],
    ["nothing", null, []],
  ])("names its outputs as %s", async (_, response, names) => {
    const { answer } = await askOf(doneJob(200, response));
    expect(answer).toMatchObject({ kind: "succeeded", urls: names.map((name) => `https://x.example/${name}`) });
  });

  it("is read as in its real webhooks", async () => {
    const real: { payload: { job_id: string } }[] = JSON.parse(readFileSync("test/support/nca-webhooks.json", "utf8"));
    const server = await startNca();
    for (const { payload } of real) server.jobs.set(payload.job_id, { job_status: "done", response: payload });
    const nca = ncaAt(server.url);
    for (const { payload } of real) {
      const answer = await nca.ask(payload.job_id, never());
      expect(answer).toMatchObject({ kind: "succeeded", urls: [expect.stringContaining(payload.job_id)] });
    }
    expect(real.length).toBeGreaterThan(0);
  });

  it("reads an answer that leaves out what it does not have", async () => {
    const job = { job_status: "done", job_id: ID, response: { code: 500 } };
    const server = await serve((request, response) => {
      send(response, 200, { code: 200, response: request.url?.endsWith("jobs/status") ? {} : job });
    });
    expect(await ncaAt(server.url).ask(ID, never())).toMatchObject({
      kind: "failed",
      error: "failed, without a reason",
    });
  });

  it("failed without more is failed", async () => {
    const { answer } = await askOf({ job_status: "failed", response: null });
    expect(answer).toMatchObject({ kind: "failed", error: "failed, without a reason" });
  });

  it("gives reasons that are no text as JSON, and without what signs a URL", async () => {
    const reason = { error: "cannot read https://x.example/a.mp4?X-Amz-Signature=abc&b=c", code: 7 };
    const { answer } = await askOf(doneJob(400, reason));
    expect(answer).toMatchObject({ error: '{"error":"cannot read https://x.example/a.mp4?…","code":7}' });
  });

  it("cuts a reason of many pages", async () => {
    const { answer } = await askOf(doneJob(500, "x".repeat(100_000)));
    expect(answer.kind === "failed" && answer.error.length).toBe(2000);
  });
});

describe("a job that NCA does not know", () => {
  it("is forgotten, not failed", async () => {
    const { answer } = await askOf(null);
    expect(answer).toEqual({ kind: "forgotten", detail: "HTTP 404, job not found", worker: null });
  });

  it("is forgotten after a restart that lost the folder of the jobs", async () => {
    const server = await startNca();
    server.jobs.set(ID, doneJob(200, URL_OF_IT));
    server.restart();
    expect(await ncaAt(server.url).ask(ID, never())).toMatchObject({ kind: "forgotten" });
    expect(routes(server)).toEqual(["jobs/status", "job/status"]);
  });
});

describe("NCA's answer is unknown for", () => {
  const ok = { code: 200, message: "success" };
  const kept = { job_status: "done", job_id: ID, queue_id: 1, process_id: 2 };
  const done = { code: 200, job_id: ID, response: URL_OF_IT, message: "success" };

  it.each<[string, unknown]>([
    ["done without a result", { ...ok, response: { ...kept, response: null } }],
    ["done with a code that is no number", { ...ok, response: { ...kept, response: { ...done, code: "200" } } }],
    ["done with a code of neither kind", { ...ok, response: { ...kept, response: { ...done, code: 202 } } }],
    ["failed with a good code", { ...ok, response: { ...kept, job_status: "failed", response: done } }],
    ["a state that is not known", { ...ok, response: { ...kept, job_status: "paused", response: null } }],
    ["no state", { ...ok, response: { job_id: ID } }],
    ["a number for an output", { ...ok, response: { ...kept, response: { ...done, response: 7 } } }],
    ["a list with an entry of another form", { ...ok, response: { ...kept, response: { ...done, response: [{}] } } }],
    ["another job", { ...ok, response: { ...kept, job_id: "other", response: done } }],
    ["another job's outcome", { ...ok, response: { ...kept, response: { ...done, job_id: "other" } } }],
    ["an envelope with another code", { code: 500, response: { ...kept, response: done } }],
    ["an envelope without an answer", { ...ok, response: null }],
    ["a text", "done"],
    ["null", null],
  ])("%s", async (_, body) => {
    const server = await serve((request, response) => {
      send(response, 200, request.url?.endsWith("jobs/status") ? { ...ok, response: {} } : body);
    });
    expect(await ncaAt(server.url).ask(ID, never())).toMatchObject({ kind: "unknown" });
  });

  it.each<[string, number, string, RegExp]>([
    ["a proxy's page with status 200", 200, "<html>Welcome</html>", /HTTP 200, no JSON but text\/html/],
    ["a proxy's 404", 404, "<html>not here</html>", /HTTP 404, no JSON but text\/html/],
    ["a 404 in JSON that is not NCA's", 404, '{"message":"no Route matched"}', /^HTTP 404$/],
    ["a refused key", 401, '{"message":"Unauthorized"}', /NCA_API_KEY is refused/],
    ["a gateway's time-out", 504, "<html>504</html>", /HTTP 504, no JSON/],
    ["an answer that is cut off", 200, '{"code":200,"response":{"job_st', /no JSON/],
    ["an answer nested 100,000 deep", 200, `${"[".repeat(100_000)}${"]".repeat(100_000)}`, /nested deeper than 100/],
    [
      "a message nested 5,000 deep",
      200,
      `{"code":200,"response":{"job_status":"done","response":{"code":500,"message":${"[".repeat(5_000)}${"]".repeat(5_000)}}}}`,
      /nested deeper than 100/,
    ],
    [
      "an answer longer than 1 MiB",
      200,
      JSON.stringify({ code: 200, more: "x".repeat(1_100_000) }),
      /longer than 1 MiB/,
    ],
  ])("%s", async (_, status, body, detail) => {
    const server = await serve((_request, response) => {
      response.writeHead(status, { "content-type": body.startsWith("<") ? "text/html" : "application/json" });
      response.end(body);
    });
    const answer = await ncaAt(server.url).ask(ID, never());
    expect(answer).toMatchObject({ kind: "unknown", detail: expect.stringMatching(detail) });
  });

  it("a redirect, so that the key is sent nowhere else", async () => {
    const elsewhere = await serve((_request, response) => send(response, 200, {}));
    const server = await serve((_request, response) => {
      response.writeHead(307, { location: `${elsewhere.url}/steal?secret=1` }).end();
    });
    const answer = await ncaAt(server.url).ask(ID, never());
    expect(answer).toMatchObject({
      kind: "unknown",
      detail: expect.stringMatching(/^HTTP 307 to 127.0.0.1:\d+, which/),
    });
    expect(elsewhere.requests).toEqual([]);
  });

  it("a closed port", async () => {
    const answer = await ncaAt(`http://127.0.0.1:${await closedPort()}`).ask(ID, never());
    expect(answer).toMatchObject({ kind: "unknown", detail: "connection refused (ECONNREFUSED)" });
  });

  it("a worker that never answers", async () => {
    const server = await serve(() => {});
    const timeouts = { connect: 5_000, answer: 50, total: 5_000 };
    const answer = await ncaAt(server.url, { timeouts }).ask(ID, never());
    expect(answer).toMatchObject({ kind: "unknown", detail: "timed out after 50 ms" });
  });

  it("an answer that stops in the middle of its body", async () => {
    const server = await serveRaw((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{"code"'));
    const timeouts = { connect: 5_000, answer: 50, total: 5_000 };
    const answer = await ncaAt(server.url, { timeouts }).ask(ID, never());
    expect(answer).toMatchObject({ kind: "unknown", detail: "timed out after 50 ms" });
  });
});

describe("NCA is asked", () => {
  it("once for the list, and once for each job that is not running, however many are asked for at once", async () => {
    const server = await startNca();
    const ids = Array.from({ length: 40 }, (_, n) => `job-${n}`);
    for (const id of ids) server.jobs.set(id, { job_status: "running", response: null });
    server.jobs.set("job-7", doneJob(200, URL_OF_IT));
    server.jobs.delete("job-8");
    const nca = ncaAt(server.url);
    const answers = await Promise.all(ids.map((id) => nca.ask(id, never())));
    expect(answers.filter(({ kind }) => kind === "running")).toHaveLength(38);
    expect([answers[7]?.kind, answers[8]?.kind]).toEqual(["succeeded", "forgotten"]);
    expect(routes(server)).toEqual(["jobs/status", "job/status", "job/status"]);
    expect(nca.requests()).toBe(3);
  });

  it("once for each job when there is no list", async () => {
    const server = await startNca();
    server.jobs.set("half-written", "");
    server.jobs.set(ID, { job_status: "running", response: null });
    const answer = await ncaAt(server.url).ask(ID, never());
    expect(answer).toEqual({ kind: "running", detail: "running", worker: WORKER });
    expect(routes(server)).toEqual(["jobs/status", "job/status"]);
  });

  it("again when a state was just being written", async () => {
    const server = await startNca();
    server.jobs.set(ID, "");
    const clock = testClock();
    const sleep = async (ms: number) => {
      server.jobs.set(ID, doneJob(200, URL_OF_IT));
      await clock.sleep(ms);
    };
    const answer = await ncaAt(server.url, { clock: { ...clock, sleep } }).ask(ID, never());
    expect(answer).toMatchObject({ kind: "succeeded" });
    expect(routes(server)).toEqual(["jobs/status", "job/status", "job/status"]);
  });

  it("three times at most", async () => {
    const server = await serve((_request, response) => send(response, 503, {}));
    const nca = ncaAt(server.url);
    expect(await nca.ask(ID, never())).toMatchObject({ kind: "unknown", detail: "HTTP 503" });
    expect(nca.requests()).toBe(1 + 3);
  });

  it("no more than the given number at the same time", async () => {
    let open = 0;
    let most = 0;
    const server = await serve((_request, response) => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
        send(response, 200, null);
      }, 10);
    });
    const nca = ncaAt(server.url, { concurrency: 2 });
    await Promise.all(Array.from({ length: 8 }, (_, n) => nca.ask(`job-${n}`, never())));
    expect(most).toBe(2);
  });
});

it("a question to NCA ends with the signal's reason when it is aborted", async () => {
  const stop = new AbortController();
  const server = await serve(() => stop.abort(new Error("stop")));
  await expect(ncaAt(server.url).ask(ID, stop.signal)).rejects.toThrow("stop");
});

it("a job is still asked for when the question that began the list is aborted", async () => {
  const stop = new AbortController();
  const server = await serve((request, response) => {
    if (request.url?.endsWith("jobs/status")) stop.abort(new Error("stop"));
    else send(response, 404, { message: { error: "Job not found" } });
  });
  const nca = ncaAt(server.url);
  const first = nca.ask(ID, stop.signal).catch((error) => error);
  const second = nca.ask(ID, never());
  expect(await first).toMatchObject({ message: "stop" });
  expect(await second).toMatchObject({ kind: "forgotten" });
});
