import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readEnvironment } from "../../../src/config/env/environment.ts";
import { PROVIDER_PRESETS } from "../../../src/config/presets/providers.ts";
import type { ProviderSettings } from "../../../src/config/resolve/providers.ts";
import { resolveSettings } from "../../../src/config/resolve/resolve.ts";
import { isObject } from "../../../src/core/domain/json.ts";
import { createGenericProvider } from "../../../src/providers/generic.ts";
import { closing, ID, means } from "../../providers/support.ts";
import { HOUR, MINUTE } from "../../support/builders.ts";
import { send } from "../../support/nca.ts";
import { never, serve } from "../../support/servers.ts";

const ENV = {
  AIRTABLE_API_KEY: "a-token",
  AIRTABLE_BASE_ID: "appBase0000000001",
  REPLICATE_API_TOKEN: "r8_token",
  FAL_KEY: "fal-id:fal-secret",
  RUNPOD_API_KEY: "rpa_key",
  MUX_TOKEN_ID: "mux-id",
  MUX_TOKEN_SECRET: "mux-secret",
  ASSEMBLYAI_API_KEY: "aai-key",
};

/** What a preset leaves to the file, since it is part of the account. */
const ACCOUNT: Readonly<Record<string, object>> = {
  fal: {
    url: "https://queue.fal.run/fal-ai/kling-video/requests/{externalId}/status",
    result: { url: "https://queue.fal.run/fal-ai/kling-video/requests/{externalId}" },
  },
  runpod: { url: "https://api.runpod.ai/v2/your-endpoint-id/status/{externalId}" },
  generic: { url: "https://render.example/jobs/{externalId}" },
};

const BASE = {
  jobs: { table: "Tasks", fields: { status: "Status", externalId: "Task ID" } },
  operations: { work: { target: "self", deliver: { field: "Output", as: "url" } } },
};

function settingsOf(preset: string, over: object = {}, content: object = {}) {
  const providers = { [preset]: { ...ACCOUNT[preset], ...over } };
  return resolveSettings({ path: null, content: { preset, ...BASE, providers, ...content } }, readEnvironment(ENV), {});
}

function providerOf(preset: string): Extract<ProviderSettings, { kind: "http" }> {
  const provider = settingsOf(preset).providers.find(({ name }) => name === preset);
  if (provider?.kind !== "http") throw new Error(`the preset ${preset} has no provider`);
  return provider;
}

/** Asks a preset's provider at a server that answers one path in the vendor's own form, and others with 404. */
async function ask(preset: string, path: string, answer: unknown, status = 200) {
  const provider = providerOf(preset);
  const keys: unknown[] = [];
  const server = await serve((request, response) => {
    keys.push(request.headers.authorization);
    if (request.url === path) send(response, status, answer);
    else send(response, 404, { error: "not found" });
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

describe("the preset of a provider", () => {
  it.each(PROVIDER_PRESETS)("%s needs no storage, no types, no outputs and no provider in the operation", (preset) => {
    const { operations, storage, jobs } = settingsOf(preset);
    expect(operations).toMatchObject([{ name: "work", provider: preset, outputs: [], isDefault: true }]);
    expect(storage.baseUrl).toBe("https://storage.invalid");
    expect(jobs.table).toBe("Tasks");
  });

  it.each(["replicate", "fal", "runpod"])("%s asks as the example of docs/providers.md does", (preset) => {
    const page = readFileSync("docs/providers.md", "utf8");
    const examples = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = ""]) => parse(text));
    const described = examples.find((each) => isObject(each.providers?.[preset]))?.providers[preset];
    const { state, states, headers, url, result = null } = providerOf(preset);
    const operations = { work: { ...BASE.operations.work, outputs: [], provider: preset } };
    const content = { ...BASE, preset: "none", providers: { [preset]: described }, operations };
    const [example] = resolveSettings({ path: null, content }, readEnvironment(ENV), {}).providers;
    expect(example).toMatchObject({ state, states, headers, url, ...(result === null ? {} : { result }) });
  });

  it("asks before the provider deletes its results", () => {
    const minutes = { replicate: 60, fal: 6, runpod: 30 };
    for (const [preset, kept] of Object.entries(minutes)) {
      const [operation] = settingsOf(preset).operations;
      expect(operation?.thresholds.stuckAfter).toBeLessThan((kept / 2) * MINUTE);
      expect(operation?.thresholds.failAfter).toBeLessThan(HOUR);
    }
    expect(settingsOf("mux").operations[0]?.thresholds).toMatchObject({ failAfter: 24 * HOUR, maxAge: 168 * HOUR });
  });

  it("gives way to the file, key by key", () => {
    const { thresholds } = settingsOf("replicate", {}, { thresholds: { failAfter: "40m" } });
    expect([thresholds.failAfter, thresholds.stuckAfter]).toEqual([40 * MINUTE, 3 * MINUTE]);
    const own = { states: { running: ["waiting"] }, state: "/task/state" };
    const provider = settingsOf("generic", own).providers.find(({ name }) => name === "generic");
    expect(provider).toMatchObject({ state: "/task/state", states: { running: ["waiting"] } });
  });

  it.each([
    ["fal", "providers.fal.url"],
    ["runpod", "providers.runpod.url"],
    ["generic", "providers.generic.url"],
  ])("%s says which part of the account is missing", (preset, path) => {
    const resolve = () => resolveSettings({ path: null, content: { preset, ...BASE } }, readEnvironment(ENV), {});
    expect(resolve).toThrow(path);
  });

  it("needs a storage where an operation names files", () => {
    const operations = { work: { ...BASE.operations.work, outputs: ["{externalId}.mp4"] } };
    expect(() => settingsOf("replicate", {}, { operations })).toThrow("storage.baseUrl");
  });

  it("can stand on a PostgreSQL table, which nca cannot", () => {
    const jobs = { table: "renders", id: "id", fields: { status: "s", externalId: "e", startedAt: "t" } };
    const content = { store: "postgres", jobs, operations: { work: { target: "self", deliver: { field: "url" } } } };
    const env = readEnvironment({ ...ENV, STUCK_JOBS_DATABASE_URL: "postgres://u@localhost/db" });
    const settings = resolveSettings({ path: null, content: { ...content, preset: "replicate" } }, env, {});
    expect(settings.operations[0]?.provider).toBe("replicate");
    const nca = { ...content, operations: { work: { ...content.operations.work, outputs: [] } } };
    expect(() => resolveSettings({ path: null, content: { ...nca, preset: "nca" } }, env, {})).toThrow("preset: found");
  });
});

describe("Mux's answers", () => {
  const path = `/video/v1/assets/${ID}`;
  const file = { name: "highest.mp4", ext: "mp4", status: "ready" };
  const asset = (over: object) => ({
    data: { id: ID, status: "ready", playback_ids: [{ id: "pl4yb4ck", policy: "public" }], ...over },
  });
  it.each<[string, object, object]>([
    ["preparing", { status: "preparing" }, { kind: "running" }],
    [
      "ready, with a static rendition",
      { static_renditions: { files: [file] } },
      { kind: "succeeded", urls: ["https://stream.mux.com/pl4yb4ck/highest.mp4"] },
    ],
    ["ready, without one", {}, { kind: "succeeded", urls: [] }],
    [
      "ready, with a name that is no file's",
      { static_renditions: { files: [{ name: "../../admin" }] } },
      { kind: "succeeded", urls: [] },
    ],
    [
      "errored",
      { status: "errored", errors: { type: "invalid_input", messages: ["The file is no video."] } },
      { kind: "failed", error: "The file is no video." },
    ],
  ])("%s", async (_, over, expected) => {
    const { answer, keys } = await ask("mux", path, asset(over));
    expect(answer).toMatchObject(expected);
    expect(keys).toEqual([`Basic ${Buffer.from("mux-id:mux-secret").toString("base64")}`]);
  });
  it("no such asset", async () => {
    const { answer } = await ask("mux", "/elsewhere", {});
    expect(answer).toMatchObject({ kind: "forgotten" });
  });
  it("have a key that is redacted, in the form in which it is sent too", () => {
    expect(settingsOf("mux").secrets).toEqual(
      expect.arrayContaining(["mux-secret", Buffer.from("mux-id:mux-secret").toString("base64")]),
    );
  });
});

describe("AssemblyAI's answers", () => {
  const path = `/v2/transcript/${ID}`;
  it.each<[string, object, object]>([
    ["queued", { status: "queued" }, { kind: "running" }],
    ["processing", { status: "processing", text: null }, { kind: "running" }],
    ["completed", { status: "completed", text: "Smoke from wildfires" }, { kind: "succeeded", urls: [] }],
    ["error", { status: "error", error: "Download error" }, { kind: "failed", error: "Download error" }],
  ])("%s", async (_, over, expected) => {
    const { answer, keys } = await ask("assemblyai", path, { id: ID, audio_url: "https://a.example/x.mp3", ...over });
    expect(answer).toMatchObject(expected);
    expect(keys).toEqual(["aai-key"]);
  });
  it("a key that is refused decides nothing", async () => {
    const { answer } = await ask("assemblyai", path, { error: "Authentication error, API token missing/invalid" }, 401);
    expect(answer).toMatchObject({ kind: "unknown" });
  });
});

describe("the answers of any service", () => {
  const path = `/jobs/${ID}`;
  const url = "https://cdn.render.example/out.mp4";
  it.each<[string, object, object]>([
    ["in_progress", { status: "in_progress" }, { kind: "running" }],
    ["done", { status: "done", output: { url } }, { kind: "succeeded", urls: [url] }],
    ["finished", { status: "finished", output_url: url }, { kind: "succeeded", urls: [url] }],
    ["cancelled", { status: "cancelled" }, { kind: "failed" }],
    ["error", { status: "error", message: "out of memory" }, { kind: "failed", error: "out of memory" }],
    ["a word of its own", { status: "parked" }, { kind: "unknown" }],
    ["no state", { ok: true }, { kind: "unknown" }],
  ])("%s", async (_, answered, expected) => {
    expect((await ask("generic", path, answered)).answer).toMatchObject(expected);
  });
});
