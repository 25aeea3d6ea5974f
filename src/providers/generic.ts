import type { ProviderAnswer } from "../core/domain/evidence.ts";
import { isObject } from "../core/domain/json.ts";
import type { ProviderStatus } from "../core/ports/ports.ts";
import { createExchange, type ExchangeOptions, type ProviderRequest, type ProviderResponse } from "./client.ts";
import { asUrl, quoted, toErrorText } from "./error-text.ts";
import { resolvePointer } from "./json-pointer.ts";

/** A provider as the configuration describes it. Templates hold `{externalId}`; pointers are JSON pointers (RFC 6901). */
export interface HttpProviderOptions extends ExchangeOptions {
  readonly method: "GET" | "POST";
  readonly url: string;
  /** With their secrets in place. */
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
  /** HTTP answers that mean: no such job here. */
  readonly forgottenStatus: readonly number[];
  /** Where the outputs are asked for, once the state is a good one; absent where they are in the same answer. */
  readonly result?: { readonly url: string; readonly failedStatus: readonly number[] } | undefined;
}

/** Asks what the configuration describes: one request a job, and a second where outputs lie elsewhere. */
export function createGenericProvider(options: HttpProviderOptions): ProviderStatus & { close(): Promise<void> } {
  const exchange = createExchange(options);
  return {
    async ask(externalId, signal) {
      const answered = await exchange.ask(questionOf(options, externalId), signal);
      const answer = readState(answered, options);
      const { result } = options;
      if (answer.kind !== "succeeded" || result === undefined) return answer;
      const url = urlFrom(result.url, externalId);
      const question: ProviderRequest = { method: "GET", url, headers: options.headers };
      return readResult(await exchange.ask(question, signal), result.failedStatus, answer.detail, options);
    },
    requests: exchange.requests,
    close: exchange.close,
  };
}

function questionOf({ method, url, headers, body }: HttpProviderOptions, externalId: string): ProviderRequest {
  const question = { method, url: urlFrom(url, externalId), headers };
  return body === undefined ? question : { ...question, body: fillTemplate(body, externalId) };
}

function urlFrom(template: string, externalId: string): URL {
  return new URL(template.replaceAll("{externalId}", encodeURIComponent(externalId)));
}

/** A body with the external id in its texts. Keys are left as they are. */
function fillTemplate(template: unknown, externalId: string): unknown {
  if (typeof template === "string") return template.replaceAll("{externalId}", externalId);
  if (Array.isArray(template)) return template.map((each: unknown) => fillTemplate(each, externalId));
  if (!isObject(template)) return template;
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, fillTemplate(value, externalId)]));
}

function readState(answered: ProviderResponse, options: HttpProviderOptions): ProviderAnswer {
  const refusal = refusalOf(answered, options.forgottenStatus);
  if (refusal !== null || answered.kind === "nothing") return refusal ?? unknown(answered.detail);
  const { body, detail } = answered;
  const found = resolvePointer(body, options.state);
  if (typeof found !== "string" && typeof found !== "number" && typeof found !== "boolean") {
    return unknown(`${detail}, without a state`);
  }
  const state = String(found);
  const { running, succeeded, failed } = options.states;
  const reason = reasonAt(body, options.error);
  if (running.includes(state)) return { kind: "running", detail: state, worker: null };
  if (failed.includes(state)) return failure(reason, state);
  if (!succeeded.includes(state)) return unknown(`state ${quoted(state)}, which is not known`);
  const urls = options.result === undefined ? readUrls(body, options.output) : [];
  if (urls === null) return unknown(`${state}, with an output that is no URL`);
  // fal calls a job COMPLETED that came to an error: done, with a reason in words and without an output, is not done well.
  const words = firstAt(body, options.error);
  if (urls.length === 0 && typeof words === "string") return failure(reason, `${state}, with an error`);
  return { kind: "succeeded", urls, detail: state, worker: null };
}

function readResult(
  answered: ProviderResponse,
  failedStatus: readonly number[],
  state: string,
  options: HttpProviderOptions,
): ProviderAnswer {
  if (answered.kind === "json" && failedStatus.includes(answered.status)) {
    const reason = reasonAt(answered.body, options.error);
    // A bare status may be a proxy's.
    return reason === null
      ? unknown(`${state}, but ${answered.detail} without a reason`)
      : failure(reason, `${state}, but ${answered.detail}`);
  }
  const refusal = refusalOf(answered, options.forgottenStatus);
  if (refusal !== null || answered.kind === "nothing") {
    return { ...(refusal ?? unknown(answered.detail)), detail: `${state}, but its result answers ${answered.detail}` };
  }
  const urls = readUrls(answered.body, options.output);
  return urls === null
    ? unknown(`${state}, with an output that is no URL`)
    : { kind: "succeeded", urls, detail: state, worker: null };
}

/** What a status other than a good one says; null for a good one, and where there was no answer at all. */
function refusalOf(answered: ProviderResponse, forgottenStatus: readonly number[]): ProviderAnswer | null {
  if (answered.kind === "nothing" || (answered.status >= 200 && answered.status < 300)) return null;
  const { status, detail } = answered;
  return forgottenStatus.includes(status) ? { kind: "forgotten", detail, worker: null } : unknown(detail);
}

/** The outputs at the pointers, each a URL, a list of them, or objects that hold one; null where one is anything else. */
function readUrls(body: unknown, pointers: readonly string[] = []): readonly string[] | null {
  const urls: string[] = [];
  for (const pointer of pointers) {
    const found = resolvePointer(body, pointer);
    if (found === undefined || found === null) continue;
    for (const each of Array.isArray(found) ? found : [found]) {
      const url = asUrl(isObject(each) ? each.url : each);
      if (url === null) return null;
      if (!urls.includes(url)) urls.push(url);
    }
  }
  return urls;
}

/** The first reason that is there. */
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
