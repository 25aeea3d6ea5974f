import * as z from "zod";
import type { ProviderAnswer } from "../core/domain/evidence.ts";
import { isObject } from "../core/domain/json.ts";
import type { ProviderStatus } from "../core/ports/ports.ts";
import { abortable } from "../http/timeout.ts";
import { createProviderClient, type ProviderClientOptions, type ProviderResponse } from "./client.ts";
import { asUrl, quote, toErrorText } from "./error-text.ts";

export interface NcaOptions extends ProviderClientOptions {
  /** With or without a slash at its end. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** How far back the list of all jobs goes, seconds. */
  readonly sinceSeconds: number;
}

/** The list has one line a job, and one for every status that was ever asked for: NCA keeps those as jobs too. */
const MAX_LIST_BYTES = 8 * 2 ** 20;

const RUNNING_STATES = ["queued", "running", "submitted"];

/**
 * The envelope of every answer (`queue_task` in app.py): the result of the route is in `response` when it succeeded, and
 * in `message` when it failed.
 */
const envelope = z.object({ code: z.number(), response: z.unknown().optional(), message: z.unknown().optional() });

/** The list of all jobs (jobs_status.py): states by job id, without results. */
const list = envelope.extend({ response: z.record(z.string(), z.string()) });

const id = z.union([z.string(), z.number()]).nullish();

/** The record of a job (`log_job_status`): `response` is the body of its webhook, once it is done. */
const jobRecord = z.object({
  job_status: z.string(),
  job_id: z.string().nullish(),
  queue_id: id,
  process_id: id,
  response: z
    .object({
      code: z.int(),
      job_id: z.string().nullish(),
      response: z.unknown().optional(),
      message: z.unknown().optional(),
    })
    .nullish(),
});
type NcaJob = z.output<typeof jobRecord>;

const notFound = z.object({ message: z.union([z.string(), z.object({ error: z.string() })]) });

/**
 * Creates the provider for the NCA Toolkit. The states of all jobs come with one request, at the first question; only a
 * job that is not queued or running is then asked for by itself. NCA keeps jobs in files that a restart may lose: such a
 * job is forgotten, which is not failed.
 */
export function createNca(options: NcaOptions): ProviderStatus & { close(): Promise<void> } {
  const client = createProviderClient(options);
  const { baseUrl, apiKey, sinceSeconds } = options;
  let listing: Promise<ReadonlyMap<string, string>> | null = null;

  return {
    async ask(externalId, signal) {
      signal.throwIfAborted();
      listing ??= listStates(signal);
      const states = await abortable(listing, signal);
      const state = states.get(externalId);
      if (state !== undefined && RUNNING_STATES.includes(state))
        return { kind: "running", detail: state, worker: null };
      return readAnswer(await post("job/status", { job_id: externalId }, signal), externalId);
    },
    requests: client.requests,
    close: client.close,
  };

  /** Returns no states where there is no list: then each job is asked for. One attempt, as other questions follow. */
  async function listStates(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const limits = { maxBytes: MAX_LIST_BYTES, attempts: 1 };
    const response = await post("jobs/status", { since_seconds: sinceSeconds }, signal, limits).catch((error) => {
      // Other questions that wait for the list have signals of their own, and then ask for their job.
      if (signal.aborted) return null;
      throw error;
    });
    if (response?.kind !== "json" || response.status !== 200) return new Map();
    const checked = list.safeParse(response.body);
    return new Map(checked.success && checked.data.code === 200 ? Object.entries(checked.data.response) : []);
  }

  function post(
    route: "job/status" | "jobs/status",
    body: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
    limits: { readonly maxBytes?: number; readonly attempts?: number } = {},
  ): Promise<ProviderResponse> {
    const url = new URL(`${baseUrl.replace(/\/+$/, "")}/v1/toolkit/${route}`);
    return client.ask({ method: "POST", url, headers: { "x-api-key": apiKey }, body, ...limits }, signal);
  }
}

function readAnswer(response: ProviderResponse, externalId: string): ProviderAnswer {
  if (response.kind === "no-answer") return unknown(response.detail);
  const { status, body, detail } = response;
  if (status === 404) {
    return saysNotFound(body)
      ? { kind: "forgotten", detail: `${detail}, job not found`, worker: null }
      : unknown(detail);
  }
  if (status === 401) return unknown(`${detail}, NCA_API_KEY is refused`);
  const outer = status === 200 ? envelope.safeParse(body) : null;
  if (outer === null || !outer.success || outer.data.code !== 200) return unknown(detail);
  const job = jobRecord.safeParse(outer.data.response);
  if (!job.success) return unknown(`${detail}, in another form than NCA's`);
  return isOf(job.data, externalId) ? readJob(job.data) : unknown(`${detail}, of another job`);
}

function readJob(job: NcaJob): ProviderAnswer {
  const { job_status: state, response } = job;
  const worker = workerName(job);
  if (RUNNING_STATES.includes(state)) return { kind: "running", detail: state, worker };
  if (state !== "done" && state !== "failed") return unknown(`state ${quote(state)}, which is not known`, worker);
  const detail = response?.code === undefined ? state : `${state}, code ${response.code}`;
  if (response === null || response === undefined) {
    // Only a job that could not be started at all is "failed"; for one that is "done" the code says how it ended.
    return state === "failed"
      ? { kind: "failed", error: "failed, without a reason", detail, worker }
      : unknown(detail, worker);
  }
  if (response.code >= 400 && response.code < 600) {
    return { kind: "failed", error: toErrorText(response.message) ?? "failed, without a reason", detail, worker };
  }
  const urls = state === "done" && response.code === 200 ? readOutputs(response.response) : null;
  return urls === null ? unknown(detail, worker) : { kind: "succeeded", urls, detail, worker };
}

function unknown(detail: string, worker: string | null = null): ProviderAnswer {
  return { kind: "unknown", detail, worker };
}

/** Returns whether a 404 is one of NCA itself, and not of a proxy, or of a version that lacks the route. */
function saysNotFound(body: unknown): boolean {
  const checked = notFound.safeParse(body);
  if (!checked.success) return false;
  const { message } = checked.data;
  return (typeof message === "string" ? message : message.error) === "Job not found";
}

function isOf({ job_id: outer, response }: NcaJob, externalId: string): boolean {
  return [outer, response?.job_id].every((each) => each === null || each === undefined || each === externalId);
}

/** Workers are processes with a queue each; either number alone may occur on another machine as well. */
function workerName({ process_id: process, queue_id: queue }: NcaJob): string | null {
  if (queue === null || queue === undefined) return null;
  return process === null || process === undefined ? `queue ${queue}` : `queue ${queue} of process ${process}`;
}

/**
 * Returns the outputs that a success answer names, by the forms of NCA's routes: a URL (concatenate, trim, caption), a
 * list of `{ file_url }` (compose, split), or an object with URLs (transcribe: `text_url`, `srt_url`). A preview beside
 * `file_url` is no output. Returns none where it names none, null where its form is not known.
 */
function readOutputs(response: unknown): readonly string[] | null {
  if (response === null || response === undefined) return [];
  if (typeof response === "string") return asUrl(response) === null ? [] : [response];
  if (Array.isArray(response)) {
    const urls = response.map((entry: unknown) => (isObject(entry) ? asUrl(entry.file_url) : asUrl(entry)));
    return urls.every((url) => url !== null) ? urls : null;
  }
  if (!isObject(response)) return null;
  const named = asUrl(response.file_url) ?? asUrl(response.url);
  if (named !== null) return [named];
  return Object.entries(response).flatMap(([key, value]) => {
    const url = key.endsWith("_url") ? asUrl(value) : null;
    return url === null ? [] : [url];
  });
}
