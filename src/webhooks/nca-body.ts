import { isRecordId } from "../core/domain/job.ts";
import type { WebhookResend } from "../core/ports/ports.ts";

/** The body of NCA's success webhook, with its keys in NCA's order. */
export interface NcaBody {
  readonly endpoint: string;
  readonly code: 200;
  readonly id: string | null;
  readonly job_id: string;
  readonly response: string | readonly { readonly file_url: string }[];
  readonly message: "success";
  readonly pid: number;
  readonly queue_id: number;
  readonly run_time: number;
  readonly queue_time: number;
  readonly total_time: number;
  readonly queue_length: number;
  readonly build_number: number;
}

/** Routes that answer with a list, even of one file; the others answer with the URL of their single file. */
const LISTING = ["/v1/ffmpeg/compose", "/v1/video/split"];

/**
 * Builds the body that NCA would have sent (`process_queue` in its app.py, and its real webhooks), or returns why it
 * cannot be built. How long the work took, and which process did it, is no longer known: those numbers are 0.
 */
export function buildNcaBody({
  webhookUrl,
  externalId,
  outputs,
  operation,
}: WebhookResend): NcaBody | { readonly problem: string } {
  const { webhookEndpoint: endpoint } = operation;
  if (endpoint === null) return { problem: `operation ${operation.name} has no webhookEndpoint` };
  const response = buildResponse(endpoint, outputs);
  if (response === null) return { problem: `${outputs.length} outputs, but ${endpoint} has one` };
  return {
    endpoint,
    code: 200,
    id: readCallerId(webhookUrl),
    job_id: externalId,
    response,
    message: "success",
    pid: 0,
    queue_id: 0,
    run_time: 0,
    queue_time: 0,
    total_time: 0,
    queue_length: 0,
    build_number: 0,
  };
}

function buildResponse(endpoint: string, outputs: readonly string[]): NcaBody["response"] | null {
  if (outputs.length === 0) return null;
  if (LISTING.includes(endpoint)) return outputs.map((url) => ({ file_url: url }));
  const [only, ...others] = outputs;
  return only !== undefined && others.length === 0 ? only : null;
}

/** Reads what the caller gave as `id`: the job's record, which its webhook URL names too; NCA sends null where there is none. */
function readCallerId(webhookUrl: string): string | null {
  const named = URL.canParse(webhookUrl) ? new URL(webhookUrl).searchParams.get("job_id") : null;
  return isRecordId(named) ? named : null;
}
