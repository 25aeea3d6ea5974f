import { isObject } from "../core/domain/json.ts";

/**
 * Returns the value that a JSON pointer (RFC 6901) names in a document; undefined where there is none. Properties that
 * objects inherit are not found.
 */
export function resolvePointer(document: unknown, pointer: string): unknown {
  const steps = pointer.split("/").slice(1);
  return steps.reduce<unknown>((value, step) => readMember(value, unescapeStep(step)), document);
}

/** `~1` before `~0`, as the RFC has it (section 4): `~01` is `~1` and not `/`. */
function unescapeStep(step: string): string {
  return step.replaceAll("~1", "/").replaceAll("~0", "~");
}

function readMember(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return /^(0|[1-9]\d{0,14})$/.test(key) ? value[Number(key)] : undefined;
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}
