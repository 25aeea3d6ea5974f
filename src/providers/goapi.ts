import * as z from "zod";
import type { ProviderAnswer } from "../core/domain/evidence.ts";
import { isObject } from "../core/domain/json.ts";
import type { ProviderStatus } from "../core/ports/ports.ts";
import { createExchange, type ExchangeOptions, type ProviderResponse } from "./client.ts";
import { asUrl, quoted, toErrorText } from "./error-text.ts";
import { resolvePointer } from "./json-pointer.ts";

export interface GoapiOptions extends ExchangeOptions {
  /** With or without a slash at its end. */
  readonly baseUrl: string;
  readonly apiKey: string;
}

const AT_WORK = ["pending", "processing", "staged"];

/** As its webhooks and its documentation show it; the documentation writes states with a capital too. */
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

/** GoAPI, also PiAPI: one request a job. */
export function createGoapi(options: GoapiOptions): ProviderStatus & { close(): Promise<void> } {
  const exchange = createExchange(options);
  const base = options.baseUrl.replace(/\/+$/, "");
  const headers = { "x-api-key": options.apiKey };
  return {
    async ask(externalId, signal) {
      const url = new URL(`${base}/api/v1/task/${encodeURIComponent(externalId)}`);
      return read(await exchange.ask({ method: "GET", url, headers }, signal), externalId);
    },
    requests: exchange.requests,
    close: exchange.close,
  };
}

function read(answered: ProviderResponse, externalId: string): ProviderAnswer {
  const { detail } = answered;
  if (answered.kind === "nothing") return unknown(detail);
  if (answered.status === 404 && isObject(answered.body)) return { kind: "forgotten", detail, worker: null };
  if (answered.status === 401) return unknown(`${detail}, GOAPI_API_KEY is refused`);
  const checked = answered.status === 200 ? answer.safeParse(answered.body) : null;
  if (checked === null || !checked.success) return unknown(`${detail}, in another form than GoAPI's`);
  const task = checked.data.data;
  return task.task_id === externalId ? readTask(task) : unknown(`${detail}, of another task`);
}

function readTask({ status, output, error }: Task): ProviderAnswer {
  const state = status.toLowerCase();
  const reason = toErrorText(error?.message) ?? toErrorText(error?.raw_message);
  if (AT_WORK.includes(state)) return { kind: "running", detail: state, worker: null };
  if (state === "failed")
    return { kind: "failed", error: reason ?? "failed, without a reason", detail: state, worker: null };
  if (state !== "completed") return unknown(`state ${quoted(status)}, which is not known`);
  const urls = outputsOf(output);
  if (urls.length === 0 && reason !== null) return unknown("completed, with an error and without an output");
  return { kind: "succeeded", urls, detail: state, worker: null };
}

/**
 * Where its models put what they made, the surest first: the others repeat it, or hold it with a watermark, on a host
 * of the model's maker.
 */
function outputsOf(output: unknown): readonly string[] {
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
