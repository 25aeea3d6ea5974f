import { isObject } from "../core/domain/json.ts";

/**
 * Returns what a JSON pointer (RFC 6901) leads to in a document; undefined where there is nothing. Only what the document
 * itself holds is found: never what its objects inherit.
 */
export function resolvePointer(document: unknown, pointer: string): unknown {
  const steps = pointer.split("/").slice(1);
  return steps.reduce<unknown>((value, step) => member(value, unescaped(step)), document);
}

/** `~1` before `~0`, as the RFC has it (section 4): `~01` is `~1` and not `/`. */
function unescaped(step: string): string {
  return step.replaceAll("~1", "/").replaceAll("~0", "~");
}

function member(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return /^(0|[1-9]\d{0,14})$/.test(key) ? value[Number(key)] : undefined;
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}
