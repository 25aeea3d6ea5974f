/** Longer reasons are cut: ffmpeg prints pages, and a cell is read by people. */
const LONGEST = 2000;

/** The queries of URLs, which may open what they lead to. */
const QUERY = /(\bhttps?:\/\/[^\s?"'<>]+)\?[^\s"'<>]+/g;

/**
 * A provider's own reason as a text for people: without what signs a URL, without control characters but line ends,
 * and not too long. Null where it gave none; what is no text is given as JSON.
 */
export function toErrorText(given: unknown): string | null {
  if (given === null || given === undefined || given === false || given === 0) return null;
  const text = typeof given === "string" ? given : JSON.stringify(given);
  const plain = text
    .replace(QUERY, "$1?…")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "")
    .trim();
  if (plain === "" || plain === "{}" || plain === "[]") return null;
  return plain.length <= LONGEST ? plain : `${plain.slice(0, LONGEST - 1)}…`;
}

/** A short word of a provider's for a detail: its state, as it gave it. */
export function quoted(word: string): string {
  return JSON.stringify(word.length <= 40 ? word : `${word.slice(0, 39)}…`);
}

/** The text where it is a URL of http or https; null for all else. */
export function asUrl(value: unknown): string | null {
  if (typeof value !== "string" || !URL.canParse(value)) return null;
  return /^https?:$/.test(new URL(value).protocol) ? value : null;
}
