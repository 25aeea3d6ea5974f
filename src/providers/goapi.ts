import * as z from "zod";
import type { ProviderAnswer } from "../core/domain/evidence.ts";
import { isObject } from "../core/domain/json.ts";
import type { ProviderStatus } from "../core/ports/ports.ts";
import { createProviderClient, type ProviderClientOptions, type ProviderResponse } from "./client.ts";
import { asUrl, quote, toErrorText } from "./error-text.ts";
import { resolvePointer } from "./json-pointer.ts";

export interface GoapiOptions extends ProviderClientOptions {
  /** With or without a slash at its end. */
  readonly baseUrl: string;
  readonly apiKey: string;
}

const RUNNING_STATES = ["pending", "processing", "staged"];

/** The form that its webhooks and its documentation show; the documentation also writes states with a capital. */
const answer = z.object({
  code: z.literal(200),
  data: z.object({
    task_id: z.string(),
    status: z.string(),
    output: z.unknown().optional(),
    error: z.object({ message: z.unknown(), raw_message: z.unknown() }).partial().nullish(),
  }),
});
type Task = z.output<typeof answer>["data"];

/** Creates the provider for GoAPI, also PiAPI: one request a job. */
export function createGoapi(options: GoapiOptions): ProviderStatus & { close(): Promise<void> } {
  const client = createProviderClient(options);
  const base = options.baseUrl.replace(/\/+$/, "");
  const headers = { "x-api-key": options.apiKey };
  return {
    async ask(externalId, signal) {
      const url = new URL(`${base}/api/v1/task/${encodeURIComponent(externalId)}`);
      return readAnswer(await client.ask({ method: "GET", url, headers }, signal), externalId);
    },
    requests: client.requests,
    close: client.close,
  };
}

function readAnswer(response: ProviderResponse, externalId: string): ProviderAnswer {
  const { detail } = response;
  if (response.kind === "no-answer") return unknown(detail);
  if (response.status === 404 && isObject(response.body)) return { kind: "forgotten", detail, worker: null };
  if (response.status === 401) return unknown(`${detail}, GOAPI_API_KEY is refused`);
  const checked = response.status === 200 ? answer.safeParse(response.body) : null;
  if (checked === null || !checked.success) return unknown(`${detail}, in another form than GoAPI's`);
  const task = checked.data.data;
  return task.task_id === externalId ? readTask(task) : unknown(`${detail}, of another task`);
}

function readTask({ status, output, error }: Task): ProviderAnswer {
  const state = status.toLowerCase();
  const reason = toErrorText(error?.message) ?? toErrorText(error?.raw_message);
  if (RUNNING_STATES.includes(state)) return { kind: "running", detail: state, worker: null };
  if (state === "failed")
    return { kind: "failed", error: reason ?? "failed, without a reason", detail: state, worker: null };
  if (state !== "completed") return unknown(`state ${quote(status)}, which is not known`);
  const urls = readOutputs(output);
  if (urls.length === 0 && reason !== null) return unknown("completed, with an error and without an output");
  return { kind: "succeeded", urls, detail: state, worker: null };
}

/**
 * Returns the outputs from the places where its models put them, the most reliable first: the others repeat the output,
 * or hold it with a watermark, on a host of the model's maker.
 */
function readOutputs(output: unknown): readonly string[] {
  const at = (pointer: string) => asUrl(resolvePointer(output, pointer));
  for (const pointer of ["/video_url", "/audio_url"]) {
    const url = at(pointer);
    if (url !== null) return [url];
  }
  const works = resolvePointer(output, "/works");
  const resources = (Array.isArray(works) ? works : []).flatMap((_, index) => {
    const url =
      at(`/works/${index}/video/resource_without_watermark`) ??
      at(`/works/${index}/audio/resource_without_watermark`) ??
      at(`/works/${index}/video/resource`) ??
      at(`/works/${index}/audio/resource`);
    return url === null ? [] : [url];
  });
  if (resources.length > 0) return resources;
  const other = at("/video/url") ?? at("/audio/url") ?? at("/url");
  return other === null ? [] : [other];
}

function unknown(detail: string): ProviderAnswer {
  return { kind: "unknown", detail, worker: null };
}
