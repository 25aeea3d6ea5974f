import { isObject, type JsonObject, textOf } from "../../core/domain/json.ts";
import type { ApiAnswer } from "./client.ts";

/** An answer of Airtable that is an error. */
export interface ApiError {
  readonly kind: /** 401, 403: the token, its scopes, its access; or a base or table that does not exist, which is answered the same way. */
    | "forbidden"
    /** 404. */
    | "missing"
    /** Any other 4xx: understood and refused; asking again cannot help. */
    | "invalid"
    /** 429: asking again helps, later. */
    | "rate-limited"
    /** 429 for a spent monthly quota: waiting does not help. */
    | "quota"
    /** 5xx, redirects, and everything else that answers nothing. */
    | "server-error";
  readonly status: number;
  /** Airtable's code, such as `INVALID_FILTER_BY_FORMULA`; `""` where it sent none. */
  readonly type: string;
  /** The status with Airtable's code and message. */
  readonly message: string;
  readonly hint: string | null;
}

/** Classifies an answer that is not a success. In the body `error` is an object or a string, or `errors` is a list. */
export function classifyError({ status, body }: ApiAnswer): ApiError {
  const { type, text } = parseErrorBody(body);
  const message = cut([`HTTP ${status}`, type, text].filter((part) => part !== "").join(" "));
  if (type === "PUBLIC_API_BILLING_LIMIT_EXCEEDED") return { kind: "quota", status, type, message, hint: HINTS.quota };
  if (status === 401) return { kind: "forbidden", status, type, message, hint: HINTS.token };
  if (status === 403) return { kind: "forbidden", status, type, message, hint: HINTS.access };
  if (status === 404) return { kind: "missing", status, type, message, hint: HINTS.missing };
  if (status === 429) return { kind: "rate-limited", status, type, message, hint: null };
  if (status === 408 || status < 400 || status >= 500)
    return { kind: "server-error", status, type, message, hint: null };
  return { kind: "invalid", status, type, message, hint: null };
}

const HINTS = {
  token: "Check AIRTABLE_API_KEY: the token is mistyped, expired or revoked. A personal access token begins with pat.",
  access:
    "The token lacks a scope (data.records:read, and data.records:write to recover), or the base is not in its access list, or its user may not edit this table or field (see the field's and the table's editing permissions), or the base or table does not exist: Airtable answers all of these the same way.",
  missing: "Check airtable.baseId, airtable.endpointUrl and the names of the tables.",
  quota: "The workspace's monthly API calls are used up: run less often, or upgrade the plan.",
} as const;

/** A message is printed, and written into records and journals. */
const MAX_MESSAGE_LENGTH = 500;

function cut(text: string): string {
  return text.length <= MAX_MESSAGE_LENGTH ? text : `${text.slice(0, MAX_MESSAGE_LENGTH - 1)}…`;
}

function parseErrorBody(body: JsonObject | null): { type: string; text: string } {
  const error = body?.error;
  if (typeof error === "string") return { type: error, text: "" };
  if (isObject(error)) return { type: textOf(error.type), text: textOf(error.message) };
  const [first] = Array.isArray(body?.errors) ? body.errors : [];
  if (isObject(first)) return { type: textOf(first.error), text: textOf(first.message) };
  return { type: "", text: body === null ? "(no JSON object in the answer)" : "" };
}
