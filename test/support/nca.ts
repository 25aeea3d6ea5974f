import type { IncomingMessage, ServerResponse } from "node:http";
import { type Place, serve } from "./servers.ts";

/** A job as NCA keeps it in its file, once it is done with the body of its webhook. */
export interface KeptJob {
  readonly job_status: string;
  readonly response: unknown;
  readonly queue_id?: number;
  readonly process_id?: number;
}

export interface FakeNca extends Place {
  /** What was asked: the route, and the body. */
  readonly asked: { readonly route: string; readonly body: unknown }[];
  /** The files of `/tmp/jobs`; an entry that is a text is a file in the middle of being written. */
  readonly jobs: Map<string, KeptJob | string>;
  /** Forgets all jobs, and the folder of their files. */
  restart(): void;
}

export const QUEUE = 139524936321920;

/** A job that is done, as its file shows it: code 200 with an answer, or another with a message. */
export function doneJob(code: number, content: unknown): KeptJob {
  const response = {
    endpoint: "/v1/ffmpeg/compose",
    code,
    id: null,
    response: code === 200 ? content : null,
    message: code === 200 ? "success" : content,
    pid: 3,
    queue_id: QUEUE,
    run_time: 3.198,
    queue_time: 0.002,
    total_time: 3.2,
    queue_length: 0,
    build_number: 178,
  };
  return { job_status: "done", response };
}

/**
 * Answers as NCA's code does (authentication.py, app_utils.py, app.py, job_status.py, jobs_status.py): envelopes with
 * the route's answer in `response` or, for another code than 200, in `message`; the list without the results of the jobs.
 */
export async function startNca(apiKey = "nca-key"): Promise<FakeNca> {
  const asked: FakeNca["asked"] = [];
  const jobs = new Map<string, KeptJob | string>();
  let hasFolder = true;
  const place = await serve(async (request, response) => {
    const body = await bodyOf(request);
    const route = request.url ?? "";
    asked.push({ route, body });
    if (request.headers["x-api-key"] !== apiKey) return send(response, 401, { message: "Unauthorized" });
    switch (`${request.method} ${route}`) {
      case "POST /v1/toolkit/job/status":
        return single(response, body);
      case "POST /v1/toolkit/jobs/status":
        return all(response);
      default:
        response.writeHead(404, { "content-type": "text/html; charset=utf-8" });
        return response.end("<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n");
    }
  });

  function single(response: ServerResponse, body: unknown) {
    const id = typeof body === "object" && body !== null && "job_id" in body ? body.job_id : undefined;
    if (typeof id !== "string")
      return send(response, 400, { message: "Invalid payload: 'job_id' is a required property" });
    const job = jobs.get(id);
    if (job === undefined)
      return route(response, "/v1/toolkit/job/status", 404, { error: "Job not found", job_id: id });
    if (typeof job === "string") {
      const error = "Failed to retrieve job status: Expecting value: line 1 column 1 (char 0)";
      return route(response, "/v1/toolkit/job/status", 500, { error });
    }
    return route(response, "/v1/toolkit/job/status", 200, file(id, job));
  }

  function all(response: ServerResponse) {
    const endpoint = "/v1/toolkit/jobs/status";
    if (!hasFolder) return route(response, endpoint, 404, { error: "Jobs directory not found" });
    const states: Record<string, string> = {};
    for (const [id, job] of jobs) {
      if (typeof job === "string") {
        return route(response, endpoint, 500, { error: "Failed to retrieve job statuses: Expecting value" });
      }
      states[id] = job.job_status;
    }
    return route(response, endpoint, 200, states);
  }

  return {
    ...place,
    asked,
    jobs,
    restart() {
      jobs.clear();
      hasFolder = false;
    },
  };
}

function file(id: string, { job_status, response, queue_id = QUEUE, process_id = 3 }: KeptJob) {
  const whole = typeof response === "object" && response !== null ? { job_id: id, ...response } : response;
  return { job_status, job_id: id, queue_id, process_id, response: whole };
}

/** What `queue_task` makes of a route's answer. */
function route(response: ServerResponse, endpoint: string, code: number, content: unknown): void {
  send(response, code, {
    endpoint,
    code,
    id: null,
    job_id: "5f0c8a52-0000-4000-8000-000000000000",
    response: code === 200 ? content : null,
    message: code === 200 ? "success" : content,
    run_time: 0,
    queue_time: 0,
    total_time: 0,
    pid: 3,
    queue_id: QUEUE,
    queue_length: 0,
    build_number: 178,
  });
}

export function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** The body of a request, parsed; null where it had none. */
export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? null : JSON.parse(text);
}
