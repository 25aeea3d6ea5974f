/**
 * Characters that move a cursor, reorder or hide text, and the prefix of CI commands (`##[error]`, `##vso[`): control,
 * format and separator characters, lone surrogates, and blanks that look like nothing.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\u115f\u1160\u3164\uffa0]|\u034f|(?<=#)#(?=\w{0,20}\[)/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Returns foreign text as one line that does nothing but show: unsafe characters become escapes as JSON has them. All
 * text from records, payloads, schemas, providers and servers passes here on its way to a terminal, log, page or chat.
 */
export function makeVisible(text: string): string {
  return text.replace(UNSAFE, escapeCharacter);
}

/** Escapes one character as JSON does: `\n`, `\u202e`, or a pair of surrogates. */
export function escapeCharacter(character: string): string {
  const units = [...Array(character.length).keys()].map((n) => character.charCodeAt(n).toString(16).padStart(4, "0"));
  return SHORT[character] ?? units.map((unit) => `\\u${unit}`).join("");
}
