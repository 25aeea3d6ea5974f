import type { ProviderAnswer } from "../core/domain/evidence.ts";
import { isExternalId } from "../core/domain/job.ts";
import { isObject } from "../core/domain/json.ts";
import type { ProviderStatus } from "../core/ports/ports.ts";
import {
  createProviderClient,
  type ProviderClientOptions,
  type ProviderRequest,
  type ProviderResponse,
} from "./client.ts";
import { asUrl, quote, toErrorText } from "./error-text.ts";
import { resolvePointer } from "./json-pointer.ts";

/** A provider that the configuration describes. Templates hold `{externalId}`; pointers are JSON pointers (RFC 6901). */
export interface HttpProviderOptions extends ProviderClientOptions {
  readonly method: "GET" | "POST";
  readonly url: string;
  /** With the values of their secrets. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly state: string;
  readonly states: {
    readonly running: readonly string[];
    readonly succeeded: readonly string[];
    readonly failed: readonly string[];
  };
  readonly output?: readonly string[] | undefined;
  readonly error?: readonly string[] | undefined;
  /** HTTP statuses that mean: no such job here. */
  readonly forgottenStatus: readonly number[];
  /** Where the outputs are asked for once the job has succeeded; absent where they are in the same answer. */
  readonly result?: { readonly url: string; readonly failedStatus: readonly number[] } | undefined;
}

/** Creates the provider: one request a job, and a second where its outputs are asked for elsewhere. */
export function createGenericProvider(options: HttpProviderOptions): ProviderStatus & { close(): Promise<void> } {
  const client = createProviderClient(options);
  return {
    async ask(externalId, signal) {
      const answer = readState(await client.ask(stateRequest(options, externalId), signal), options);
      const { result } = options;
      if (answer.kind !== "succeeded" || result === undefined) return answer;
      const url = fillUrl(result.url, externalId);
      const request: ProviderRequest = { method: "GET", url, headers: options.headers };
      return readResult(await client.ask(request, signal), result.failedStatus, answer.detail, options);
    },
    requests: client.requests,
    close: client.close,
  };
}

function stateRequest({ method, url, headers, body }: HttpProviderOptions, externalId: string): ProviderRequest {
  const request = { method, url: fillUrl(url, externalId), headers };
  return body === undefined ? request : { ...request, body: fillTemplate(body, externalId) };
}

function fillUrl(template: string, externalId: string): URL {
  return new URL(template.replaceAll("{externalId}", encodeURIComponent(externalId)));
}

/** Fills the external id into the texts of a body. Keys are left as they are. */
function fillTemplate(template: unknown, externalId: string): unknown {
  if (typeof template === "string") return template.replaceAll("{externalId}", externalId);
  if (Array.isArray(template)) return template.map((each: unknown) => fillTemplate(each, externalId));
  if (!isObject(template)) return template;
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, fillTemplate(value, externalId)]));
}

function readState(response: ProviderResponse, options: HttpProviderOptions): ProviderAnswer {
  const refusal = readRefusal(response, options.forgottenStatus);
  if (refusal !== null || response.kind === "no-answer") return refusal ?? unknown(response.detail);
  const { body, detail } = response;
  const found = resolvePointer(body, options.state);
  if (typeof found !== "string" && typeof found !== "number" && typeof found !== "boolean") {
    return unknown(`${detail}, without a state`);
  }
  const state = String(found);
  const { running, succeeded, failed } = options.states;
  const reason = reasonAt(body, options.error);
  if (running.includes(state)) return { kind: "running", detail: state, worker: null };
  if (failed.includes(state)) return failure(reason, state);
  if (!succeeded.includes(state)) return unknown(`state ${quote(state)}, which is not known`);
  const urls = options.result === undefined ? readUrls(body, options.output) : [];
  if (urls === null) return unknown(`${state}, with an output that is no URL`);
  // fal calls a job COMPLETED that ended in an error: a reason in words and no output is a failure.
  const reported = firstAt(body, options.error);
  if (urls.length === 0 && typeof reported === "string") return failure(reason, `${state}, with an error`);
  return { kind: "succeeded", urls, detail: state, worker: null };
}

function readResult(
  response: ProviderResponse,
  failedStatus: readonly number[],
  state: string,
  options: HttpProviderOptions,
): ProviderAnswer {
  if (response.kind === "json" && failedStatus.includes(response.status)) {
    const reason = reasonAt(response.body, options.error);
    // A bare status may be a proxy's.
    return reason === null
      ? unknown(`${state}, but ${response.detail} without a reason`)
      : failure(reason, `${state}, but ${response.detail}`);
  }
  const refusal = readRefusal(response, options.forgottenStatus);
  if (refusal !== null || response.kind === "no-answer") {
    return { ...(refusal ?? unknown(response.detail)), detail: `${state}, but its result answers ${response.detail}` };
  }
  const urls = readUrls(response.body, options.output);
  return urls === null
    ? unknown(`${state}, with an output that is no URL`)
    : { kind: "succeeded", urls, detail: state, worker: null };
}

/** Returns what a status other than 2xx says; null for 2xx, and where there was no answer at all. */
function readRefusal(response: ProviderResponse, forgottenStatus: readonly number[]): ProviderAnswer | null {
  if (response.kind === "no-answer" || (response.status >= 200 && response.status < 300)) return null;
  const { status, detail } = response;
  return forgottenStatus.includes(status) ? { kind: "forgotten", detail, worker: null } : unknown(detail);
}

/** Returns the outputs at the pointers: URLs, lists of them, or objects that hold one; null where one is anything else. */
function readUrls(body: unknown, pointers: readonly string[] = []): readonly string[] | null {
  const urls: string[] = [];
  for (const pointer of pointers) {
    const found = pointer.startsWith("/") ? resolvePointer(body, pointer) : fillPointers(pointer, body);
    if (found === undefined || found === null) continue;
    for (const each of Array.isArray(found) ? found : [found]) {
      const url = asUrl(isObject(each) ? each.url : each);
      if (url === null) return null;
      if (!urls.includes(url)) urls.push(url);
    }
  }
  return urls;
}

/** Fills a URL's pointers in braces with the ids and names that they find; null where one finds none. */
function fillPointers(template: string, body: unknown): string | null {
  let isComplete = true;
  const url = template.replace(/\{([^{}]*)\}/g, (_, pointer: string) => {
    const found = resolvePointer(body, pointer);
    const isPart = (typeof found === "string" && isExternalId(found)) || typeof found === "number";
    isComplete &&= isPart;
    return isPart ? String(found) : "";
  });
  return isComplete ? url : null;
}

/** Returns the first value at the pointers that gives a reason. */
function firstAt(body: unknown, pointers: readonly string[] = []): unknown {
  return pointers.map((pointer) => resolvePointer(body, pointer)).find((found) => toErrorText(found) !== null);
}

function reasonAt(body: unknown, pointers: readonly string[] | undefined): string | null {
  return toErrorText(firstAt(body, pointers));
}

function failure(reason: string | null, detail: string): ProviderAnswer {
  return { kind: "failed", error: reason ?? "failed, without a reason", detail, worker: null };
}

function unknown(detail: string): ProviderAnswer {
  return { kind: "unknown", detail, worker: null };
}
