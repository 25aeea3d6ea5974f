import { createHmac } from "node:crypto";
import type { ResendResult, WebhookSender } from "../core/ports/ports.ts";
import { createHttpClient } from "../http/client.ts";
import type { ProxyEnvironment } from "../http/proxy.ts";
import { type HttpResponse, isRedirect, redirectTarget } from "../http/response.ts";
import { DEFAULT_TIMEOUTS, type Timeouts } from "../http/timeout.ts";
import { buildNcaBody } from "./nca-body.ts";

export interface ResendOptions {
  /** `host` or `host:port`, in lower case: the only ones that are sent to. */
  readonly allowHosts: readonly string[];
  /** HMAC-SHA256 over the body's bytes, in hexadecimal after `prefix`; null where nothing is signed. */
  readonly signature: { readonly header: string; readonly prefix: string; readonly secret: string } | null;
  readonly timeouts?: Pick<Timeouts, "connect" | "answer">;
  /** Names the proxies. */
  readonly env?: ProxyEnvironment;
}

/** A handler that takes longer is still running. Its answer is not needed: the base shows what it did. */
const TIMEOUTS = { ...DEFAULT_TIMEOUTS, answer: 15_000 };

/** Handlers answer with a word or two. */
const MAX_BYTES = 65_536;

/** Creates the sender of lost success webhooks of NCA. It sends each once: what may have arrived is never repeated. */
export function createWebhookSender(options: ResendOptions): WebhookSender & { close(): Promise<void> } {
  const { allowHosts, signature, timeouts = TIMEOUTS, env = {} } = options;
  const client = createHttpClient({ connections: 1, timeouts, env });
  return {
    async post(request, signal) {
      signal.throwIfAborted();
      const url = checkDestination(request.webhookUrl, allowHosts);
      if ("refusal" in url) return { kind: "not-sent", detail: url.refusal };
      const made = buildNcaBody(request);
      if ("problem" in made) return { kind: "not-sent", detail: made.problem };
      const body = JSON.stringify(made);
      let sent = false;
      const headers = {
        "content-type": "application/json",
        // A kept connection may be closing just now, and then it would be unknown whether the webhook arrived.
        connection: "close",
        ...(signature === null ? {} : { [signature.header]: `${signature.prefix}${sign(body, signature.secret)}` }),
      };
      const onSent = () => {
        sent = true;
      };
      const reply = await client.send({ method: "POST", url, headers, body, maxBytes: MAX_BYTES, onSent }, signal);
      if (reply.kind === "answer") return readReply(reply, url);
      return sent
        ? { kind: "unknown", detail: `sent, but ${reply.detail}` }
        : { kind: "not-sent", detail: reply.detail };
    },
    requests: client.sent,
    close: client.close,
  };
}

/** Returns where a webhook goes, or why nowhere. Its URL comes from the base, not from the operator: so its host must be listed. */
function checkDestination(webhookUrl: string, allowHosts: readonly string[]): URL | { readonly refusal: string } {
  const url = URL.canParse(webhookUrl) ? new URL(webhookUrl) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return { refusal: "the job's webhook URL is not one of http or https" };
  }
  if (url.username !== "" || url.password !== "") return { refusal: "the job's webhook URL has a user or password" };
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const isAllowed = allowHosts.includes(url.host) || allowHosts.includes(`${url.hostname}:${port}`);
  return isAllowed ? url : { refusal: `${url.host} is not one of webhooks.allowHosts` };
}

function sign(body: string, secret: string): string {
  return createHmac("sha256", secret).update(body, "utf8").digest("hex");
}

/** Answers of proxies that waited for the handler, which may still be at work. */
const FROM_A_PROXY = [502, 503, 504];

/** Returns what a handler's answer means. */
function readReply(reply: HttpResponse, url: URL): ResendResult {
  const detail = `HTTP ${reply.status}`;
  if (reply.status >= 200 && reply.status < 300) return { kind: "accepted", detail };
  if (reply.status >= 500) return { kind: FROM_A_PROXY.includes(reply.status) ? "unknown" : "failed", detail };
  return {
    kind: "refused",
    detail: isRedirect(reply) ? `${detail}${redirectTarget(url, reply)}, which is not followed` : detail,
  };
}
