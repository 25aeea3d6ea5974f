/** What takes a secret's place. `undo` never restores a text that holds it. */
const REDACTED = "[redacted]";

/** Words that the name of a secret has in it. */
const WORDS =
  "api[-_ ]?key|access[-_ ]?key|private[-_ ]?key|token|secret|passw(?:or)?d|passphrase|authorization|credential|signature|cookie";

/** Names that are those of secrets only as a whole. */
const NAMES = "key|sig|auth|pwd|pass|bearer";

const SECRET_NAME = new RegExp(`${WORDS}|^(?:${NAMES})$`, "i");

/**
 * A name of a secret in a text, with its value: `"api_key": "…"`, `'token': '…'`, `?key=…`. Each part is bounded, so that
 * the time it takes grows only with the length of the text.
 */
const SECRET_IN_TEXT = new RegExp(
  `((?:${WORDS}|(?<![A-Za-z0-9_-])(?:${NAMES})(?![A-Za-z0-9_-]))[A-Za-z0-9_-]{0,40}\\\\?["']?\\s{0,8}[:=]\\s{0,8}\\\\?["']?)([^\\s"'&,;}\\\\]{4,4096})`,
  "gi",
);

/** Deeper values are cut: nothing that reads the journal needs them, and each level costs stack. */
const MAX_DEPTH = 50;

/**
 * Returns a value with the secrets taken out that its keys and texts name as such: an API key in a request payload, a
 * key in the query of a webhook URL.
 */
export function redactSecrets(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth === MAX_DEPTH) return "[nested too deep]";
  if (Array.isArray(value)) return value.map((each) => redactSecrets(each, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      isSecret(key, inner) ? REDACTED : redactSecrets(inner, depth + 1),
    ]),
  );
}

/** Returns a text without the values that stand after the name of a secret. */
export function redactText(text: string): string {
  return text.replace(SECRET_IN_TEXT, (_, name: string) => `${name}${REDACTED}`);
}

/** Numbers and switches under such a name are settings: `max_tokens: 500`. */
function isSecret(key: string, value: unknown): boolean {
  return typeof value === "string" && value !== "" && SECRET_NAME.test(key);
}
