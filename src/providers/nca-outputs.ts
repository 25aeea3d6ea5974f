import { isObject } from "../core/domain/json.ts";
import { asUrl } from "./error-text.ts";

/**
 * The outputs in a success answer of NCA's, by the forms that its routes give: a URL (concatenate, trim, caption), a
 * list of `{ file_url }` (compose, split), or an object with URLs (transcribe: `text_url`, `srt_url`). A preview beside
 * `file_url` is no output. None where it names none, null where it is in no form that is known.
 */
export function outputsOf(response: unknown): readonly string[] | null {
  if (response === null || response === undefined) return [];
  if (typeof response === "string") return asUrl(response) === null ? [] : [response];
  if (Array.isArray(response)) {
    const urls = response.map((entry: unknown) => (isObject(entry) ? asUrl(entry.file_url) : asUrl(entry)));
    return urls.every((url) => url !== null) ? urls : null;
  }
  if (!isObject(response)) return null;
  const named = asUrl(response.file_url) ?? asUrl(response.url);
  if (named !== null) return [named];
  return Object.entries(response).flatMap(([key, value]) => {
    const url = key.endsWith("_url") ? asUrl(value) : null;
    return url === null ? [] : [url];
  });
}
