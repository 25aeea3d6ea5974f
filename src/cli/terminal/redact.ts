/** Removes secrets from text: those that were added, and everything that has the form of one. */
export interface Redactor {
  add(secret: string): void;
  redact(text: string): string;
}

/** Shorter texts are too common to be replaced everywhere. */
const LEAST_LENGTH = 4;

/** From this length on a secret is also found in upper and lower case, percent-encoded, and in base64. */
const ENCODED_LENGTH = 8;

const REDACTED = "[redacted]";

/** Creates a redactor. Its time grows linearly with the text. */
export function createRedactor(): Redactor {
  const secrets = new Set<string>();
  let known: { readonly plain: RegExp; readonly encoded: RegExp } | null = null;
  const findKnown = () => {
    if (known !== null) return known;
    // The longest first: a secret may begin with another.
    const longestFirst = [...secrets].sort((a, b) => b.length - a.length);
    const expressionOf = (patterns: readonly string[]) => new RegExp(patterns.join("|") || "(?!)", "g");
    known = {
      plain: expressionOf(longestFirst.flatMap(plainPatterns)),
      encoded: expressionOf(longestFirst.filter(isLong).map(encodedPattern)),
    };
    return known;
  };
  return {
    add(secret) {
      if (secret.length < LEAST_LENGTH) return;
      secrets.add(secret);
      known = null;
    },
    redact(text) {
      if (text === "") return text;
      const { plain, encoded } = findKnown();
      // The second expression is large, and takes long to compile.
      const safe = ENCODING.test(text) ? text.replace(encoded, REDACTED) : text;
      const rest = safe.replace(plain, REDACTED);
      if (!MAY_HAVE_FORM.test(rest)) return rest;
      return FORMS.reduce((all, [form, replacement]) => all.replace(form, replacement), rest);
    },
  };
}

/** What every text has that one of the forms matches. Most texts have none of it, and are searched once. */
const MAY_HAVE_FORM = /[=%@]|\bpat|\bkey|[Bb]earer|BEARER|Basic/;

/** Every quantifier that could start at many places is bounded: an expression over foreign text must be linear. */
const FORMS: readonly (readonly [RegExp, string])[] = [
  // Airtable's personal access tokens and older API keys.
  [/\b(?:pat[A-Za-z0-9]{14}\.[0-9a-f]{16,}|key[A-Za-z0-9]{14})\b/g, REDACTED],
  // Query parameters that grant access: of SigV2, of Google's signed URLs, and by their name.
  [
    /([?&](?:X-Goog-[A-Za-z-]{1,40}|AWSAccessKeyId|Expires|(?:[\w.-]{0,40}[_.-])?(?:key|sig|auth|pw)|[\w.-]{0,40}(?:token|secret|passw(?:or)?d|apikey|signature|credential)[\w.-]{0,40})=)[^&\s"'<>\\]+/gi,
    `$1${REDACTED}`,
  ],
  // Parameters of SigV4, also after `&amp;` in XML or encoded into another URL.
  [/(X-Amz-[A-Za-z-]{1,40}(?:=|%(?:25){0,2}3D))(?:(?!%(?:25){0,2}26)[^&\s"'<>\\])+/gi, `$1${REDACTED}`],
  [/\b(AWS4-HMAC-SHA256)\s{1,8}Credential=[^"'\n]{0,1000}?Signature=[0-9a-f]+/g, `$1 ${REDACTED}`],
  [/\b([Bb]earer|BEARER|Basic)\s{1,8}[^\s"',]+/g, `$1 ${REDACTED}`],
  // User and password in a URL.
  [/(\b(?:https?|postgres(?:ql)?):\/\/)[^/\s:@]{0,200}:[^/\s@]{1,500}@/gi, `$1${REDACTED}@`],
];

/** What an encoded character begins with. */
const ENCODING = /[%\\&]/;

function isLong(secret: string): boolean {
  return secret.length >= ENCODED_LENGTH;
}

/** Expressions that find a secret as it is, in other case, and in base64. */
function plainPatterns(secret: string): readonly string[] {
  if (!isLong(secret)) return [escapeRegExp(secret)];
  const anyCase = [...secret].map((character) => {
    const [lower, upper] = [character.toLowerCase(), character.toUpperCase()].map(escapeRegExp);
    return lower === upper ? escapeRegExp(character) : `[${lower}${upper}]`;
  });
  return [anyCase.join(""), ...base64Of(secret).map(escapeRegExp)];
}

/** An expression that finds a secret whose characters are percent-encoded or escapes, or some of them. */
function encodedPattern(secret: string): string {
  return [...secret].map(patternOfCharacter).join("");
}

function patternOfCharacter(character: string): string {
  const percent = [...Buffer.from(character)].map((byte) => `%(?:25){0,2}${hex(byte, 2)}`).join("");
  const code = character.charCodeAt(0);
  const escapes = [
    `\\\\u${hex(code, 4)}`,
    `&#(?:${code}|x${hex(code, 2)});`,
    ...(/["\\/]/.test(character) ? [`\\\\${escapeRegExp(character)}`] : []),
  ];
  const cases = [...new Set([character, character.toLowerCase(), character.toUpperCase()])].map(escapeRegExp);
  return `(?:${[percent, ...escapes, ...cases].join("|")})`;
}

/** The hexadecimal digits in both cases. */
function hex(number: number, digits: number): string {
  return number
    .toString(16)
    .padStart(digits, "0")
    .replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
}

/** The part of the base64 text that stays the same whatever surrounds the secret, for each of three alignments. */
function base64Of(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const texts = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const start = shift === 0 ? 0 : shift + 1;
    const end = (shift + bytes.length) % 3 === 0 ? encoded.length : encoded.length - 1;
    return encoded.slice(start, end);
  });
  return [...new Set(texts.flatMap((text) => [text, text.replaceAll("+", "-").replaceAll("/", "_")]))];
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** Environment variables whose values are never printed, whether or not the configuration uses them. */
export const SECRET_VARIABLES: readonly string[] = [
  "AIRTABLE_API_KEY",
  "AIRTABLE_TOKEN",
  "STUCK_JOBS_DATABASE_URL",
  "DATABASE_URL",
  "NCA_API_KEY",
  "GOAPI_API_KEY",
  "STUCK_JOBS_S3_SECRET_ACCESS_KEY",
  "NCA_S3_SECRET_KEY",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "STUCK_JOBS_WEBHOOK_SECRET",
];

/** Variables with a URL that anyone who has it can post to. */
const SECRET_URL_VARIABLES: readonly string[] = ["STUCK_JOBS_PING_URL", "STUCK_JOBS_NOTIFY_URL"];

/** The sandbox's token is public: `sandbox serve` prints it. */
const NO_SECRET = "patSandbox00000.sandbox";

/** Returns the secrets in the environment and in the URLs of the arguments, also behind a mistyped flag. */
export function readSecrets(
  env: Readonly<Record<string, string | undefined>>,
  words: readonly string[],
): readonly string[] {
  const values = SECRET_VARIABLES.flatMap((name) => env[name] ?? []).filter((secret) => secret !== NO_SECRET);
  const urls = SECRET_URL_VARIABLES.flatMap((name) => env[name] ?? []);
  return [...values, ...[...urls, ...urlsIn(words)].flatMap(secretsOfUrl)];
}

/** The flags whose URL is public: it is written into the configuration. */
const PUBLIC_URL = /^--storage(?:-url)?(?:=|$)/;

function urlsIn(words: readonly string[]): readonly string[] {
  return words.flatMap((word, n) => {
    if (PUBLIC_URL.test(word) || PUBLIC_URL.test(words[n - 1] ?? "")) return [];
    return word.match(/\bhttps?:\/\/\S+/gi) ?? [];
  });
}

/** A path of fewer characters is no secret, and too common to be replaced everywhere. */
const LEAST_PATH = 12;

function secretsOfUrl(url: string): readonly string[] {
  if (!URL.canParse(url)) return [url];
  const { pathname, search, username, password } = new URL(url);
  const path = `${pathname}${search}`;
  return [username, password, ...(path.length < LEAST_PATH ? [] : [url, path, pathname])].filter((text) => text !== "");
}
