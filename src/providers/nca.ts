import * as z from "zod";
import type { ProviderAnswer } from "../core/domain/evidence.ts";
import type { ProviderStatus } from "../core/ports/ports.ts";
import { abortable } from "../http/timeout.ts";
import { createExchange, type ExchangeOptions, type ProviderResponse } from "./client.ts";
import { quoted, toErrorText } from "./error-text.ts";
import { outputsOf } from "./nca-outputs.ts";

export interface NcaOptions extends ExchangeOptions {
  /** With or without a slash at its end. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** How far back the list of all jobs is asked for, seconds. */
  readonly sinceSeconds: number;
}

/** One line a job, and one for every status that was ever asked for: NCA keeps those as jobs too. */
const MAX_LIST_BYTES = 8 * 1024 * 1024;

const AT_WORK = ["queued", "running", "submitted"];

/**
 * The words of the envelope (`queue_task` in app.py): the answer of the route stands in `response` when it went well,
 * and in `message` when it did not.
 */
const envelope = z.object({ code: z.number(), response: z.unknown().optional(), message: z.unknown().optional() });

/** The list of all jobs (jobs_status.py): states by job id, without what came of them. */
const list = envelope.extend({ response: z.record(z.string(), z.string()) });

const id = z.union([z.string(), z.number()]).nullish();

/** What is kept of a job (`log_job_status`): `response` is the body of its webhook, once it is done. */
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
 * NCA Toolkit. The states of all jobs come with one request, at the first question; a job is asked for by itself only
 * where the list does not hold what is needed, which is for all but those at work. Jobs are kept in files that a
 * restart may lose: then they are forgotten, which is not failed.
 */
export function createNca(options: NcaOptions): ProviderStatus & { close(): Promise<void> } {
  const exchange = createExchange(options);
  const { baseUrl, apiKey, sinceSeconds } = options;
  let listing: Promise<ReadonlyMap<string, string>> | null = null;

  return {
    async ask(externalId, signal) {
      signal.throwIfAborted();
      listing ??= listStates(signal);
      const states = await abortable(listing, signal);
      const state = states.get(externalId);
      if (state !== undefined && AT_WORK.includes(state)) return { kind: "running", detail: state, worker: null };
      return read(await post("job/status", { job_id: externalId }, signal), externalId);
    },
    requests: exchange.requests,
    close: exchange.close,
  };

  /** Empty where no list was had: then each job is asked for. One try: the questions that follow are others. */
  async function listStates(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const limits = { maxBytes: MAX_LIST_BYTES, attempts: 1 };
    const answered = await post("jobs/status", { since_seconds: sinceSeconds }, signal, limits).catch((error) => {
      // Whoever waits for it besides has a signal of their own, and asks for their job.
      if (signal.aborted) return null;
      throw error;
    });
    if (answered?.kind !== "json" || answered.status !== 200) return new Map();
    const checked = list.safeParse(answered.body);
    return new Map(checked.success && checked.data.code === 200 ? Object.entries(checked.data.response) : []);
  }

  function post(
    route: "job/status" | "jobs/status",
    body: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
    limits: { readonly maxBytes?: number; readonly attempts?: number } = {},
  ): Promise<ProviderResponse> {
    const url = new URL(`${baseUrl.replace(/\/+$/, "")}/v1/toolkit/${route}`);
    return exchange.ask({ method: "POST", url, headers: { "x-api-key": apiKey }, body, ...limits }, signal);
  }
}

function read(answered: ProviderResponse, externalId: string): ProviderAnswer {
  if (answered.kind === "nothing") return unknown(answered.detail);
  const { status, body, detail } = answered;
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
  if (AT_WORK.includes(state)) return { kind: "running", detail: state, worker };
  if (state !== "done" && state !== "failed") return unknown(`state ${quoted(state)}, which is not known`, worker);
  const detail = response?.code === undefined ? state : `${state}, code ${response.code}`;
  if (response === null || response === undefined) {
    // Only a job that could not be started at all is "failed"; of one that is "done" the code has to tell.
    return state === "failed"
      ? { kind: "failed", error: "failed, without a reason", detail, worker }
      : unknown(detail, worker);
  }
  if (response.code >= 400 && response.code < 600) {
    return { kind: "failed", error: toErrorText(response.message) ?? "failed, without a reason", detail, worker };
  }
  const urls = state === "done" && response.code === 200 ? outputsOf(response.response) : null;
  return urls === null ? unknown(detail, worker) : { kind: "succeeded", urls, detail, worker };
}

function unknown(detail: string, worker: string | null = null): ProviderAnswer {
  return { kind: "unknown", detail, worker };
}

/** A 404 that NCA itself gave, and not a proxy, or a version that lacks the route. */
function saysNotFound(body: unknown): boolean {
  const checked = notFound.safeParse(body);
  if (!checked.success) return false;
  const { message } = checked.data;
  return (typeof message === "string" ? message : message.error) === "Job not found";
}

function isOf({ job_id: outer, response }: NcaJob, externalId: string): boolean {
  return [outer, response?.job_id].every((each) => each === null || each === undefined || each === externalId);
}

/** Workers are processes with a queue each; either number alone may be that of another machine's. */
function workerName({ process_id: process, queue_id: queue }: NcaJob): string | null {
  if (queue === null || queue === undefined) return null;
  return process === null || process === undefined ? `queue ${queue}` : `queue ${queue} of process ${process}`;
}
