import { parsePayload } from "../../../src/core/domain/payload.ts";

/** Every reason there is: offsets, and at most one short word of the payload. */
export const REASON =
  /^(a list without one object|longer than 1048576 characters|nested deeper than 64 at \d+|expected (a value|a key|'\{'|':'|',' or '[)}\]]')(, but the text ends)? at \d+|unknown word "\w{1,20}…?" at \d+|bad escape at \d+|no closing quote for the string at \d+|more text after the object at \d+)$/;

export function read(text: string): unknown {
  const payload = parsePayload(text);
  return payload.kind === "read" ? payload.value : payload;
}

export function reasonOf(text: string): string {
  const payload = parsePayload(text);
  return payload.kind === "unreadable" ? payload.reason : payload.kind;
}
