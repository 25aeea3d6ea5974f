/** Longer reasons are cut: ffmpeg prints pages, and a cell is read by people. */
const MAX_LENGTH = 2000;

/** A reason is cut to this before anything else is done with it; what is removed from it may make it shorter. */
const MAX_READ = 4 * MAX_LENGTH;

/** Control characters but line ends, and those that change the direction of text or have no width. */
const INVISIBLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/**
 * Returns a provider's own reason as a text for people: without the queries of URLs, which may open what they lead to,
 * without characters that cannot be seen, and not too long. Null where it gave none; what is no text is given as JSON.
 */
export function toErrorText(given: unknown): string | null {
  if (given === null || given === undefined || given === false || given === 0) return null;
  const text = typeof given === "string" ? given : JSON.stringify(given);
  const plain = text
    .slice(0, MAX_READ)
    .replace(/[^\s"'<>]+/g, withoutQuery)
    .replace(INVISIBLE, "")
    .trim();
  if (plain === "" || plain === "{}" || plain === "[]") return null;
  return plain.length <= MAX_LENGTH && text.length <= MAX_READ ? plain : `${plain.slice(0, MAX_LENGTH - 1)}…`;
}

/** Cuts off the query of a URL; `word` holds no space and no quote. */
function withoutQuery(word: string): string {
  const url = word.search(/https?:\/\//);
  const query = url === -1 ? -1 : word.indexOf("?", url);
  return query === -1 || query === word.length - 1 ? word : `${word.slice(0, query)}?…`;
}

/** Quotes a short word of a provider's, such as its state, for a detail. */
export function quote(word: string): string {
  return JSON.stringify(word.length <= 40 ? word : `${word.slice(0, 39)}…`);
}

/** Returns a value that is a URL of http or https; null for all else. */
export function asUrl(value: unknown): string | null {
  if (typeof value !== "string" || !URL.canParse(value)) return null;
  return /^https?:$/.test(new URL(value).protocol) ? value : null;
}
