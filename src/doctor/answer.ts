import { UpstreamError } from "../core/ports/errors.ts";

/** What was asked for, or why it was not told; null where it was not asked, since an earlier answer settled it. */
export type Answer<T> = { readonly kind: "told"; readonly value: T } | UpstreamError | null;

/** What is asked for, or the reason why the base would not tell. */
export async function tryAsk<T>(asked: Promise<T>): Promise<Answer<T>> {
  try {
    return { kind: "told", value: await asked };
  } catch (error) {
    if (error instanceof UpstreamError) return error;
    throw error;
  }
}

/** What was told, else null. */
export function valueOrNull<T>(answer: Answer<T>): T | null {
  return answer === null || answer instanceof UpstreamError ? null : answer.value;
}
