import { UpstreamError } from "../core/ports/errors.ts";

/** An answer of the base, or the error; null where it was not asked because of an earlier answer. */
export type Answer<T> = { readonly kind: "answered"; readonly value: T } | UpstreamError | null;

/** Returns the answer, or the base's error as a value. */
export async function tryAsk<T>(asked: Promise<T>): Promise<Answer<T>> {
  try {
    return { kind: "answered", value: await asked };
  } catch (error) {
    if (error instanceof UpstreamError) return error;
    throw error;
  }
}

/** Returns the answer's value, else null. */
export function valueOrNull<T>(answer: Answer<T>): T | null {
  return answer === null || answer instanceof UpstreamError ? null : answer.value;
}
