import { createHash, createHmac } from "node:crypto";

/** A request as it came over the wire. */
export interface Signed {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export interface Key {
  readonly id: string;
  readonly secret: string;
  readonly sessionToken: string | null;
}

/** What is wrong with a signature, in S3's words; null: it is right. `anonymous` where there is none. */
export type Judgement = "anonymous" | "right" | { readonly status: number; readonly code: string };

const SKEW_MS = 15 * 60_000;

/**
 * AWS Signature Version 4 as its specification has it ("Authenticating Requests", Amazon S3 API reference), from the
 * server's side and with nothing of the library that signs. `now` is the server's clock, `region` null for a server
 * that does not look at it (Ceph).
 */
export function judge(request: Signed, keys: readonly Key[], now: number, region: string | null): Judgement {
  const [path = "", query = ""] = request.target.split("?", 2);
  const parameters = query === "" ? [] : query.split("&").map(parameter);
  const link = Object.fromEntries(parameters);
  const header = request.headers.authorization;
  if (header !== undefined) {
    const [, credential = "", names = "", signature = ""] =
      /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(header) ?? [];
    if (signature === "") return { status: 400, code: "AuthorizationHeaderMalformed" };
    const hash = request.headers["x-amz-content-sha256"];
    if (hash === undefined) return { status: 400, code: "InvalidRequest" };
    const sent = { credential, names, signature, hash, at: request.headers["x-amz-date"] ?? "" };
    if (Math.abs(time(sent.at) - now) > SKEW_MS) return { status: 403, code: "RequestTimeTooSkewed" };
    return verify(request, path, parameters, sent, keys, region, request.headers["x-amz-security-token"]);
  }
  if (link["X-Amz-Signature"] === undefined) return "anonymous";
  const at = link["X-Amz-Date"] ?? "";
  const lasts = Number(link["X-Amz-Expires"]) * 1000;
  if (!(lasts >= 0 && lasts <= 7 * 86_400_000)) return { status: 400, code: "AuthorizationQueryParametersError" };
  if (now > time(at) + lasts || time(at) - now > SKEW_MS) return { status: 403, code: "AccessDenied" };
  const sent = {
    credential: link["X-Amz-Credential"] ?? "",
    names: link["X-Amz-SignedHeaders"] ?? "",
    signature: link["X-Amz-Signature"],
    hash: "UNSIGNED-PAYLOAD",
    at,
  };
  const signedOver = parameters.filter(([name]) => name !== "X-Amz-Signature");
  return verify(request, path, signedOver, sent, keys, region, link["X-Amz-Security-Token"]);
}

interface Sent {
  readonly credential: string;
  readonly names: string;
  readonly signature: string;
  readonly hash: string;
  readonly at: string;
}

function verify(
  request: Signed,
  path: string,
  parameters: readonly (readonly [string, string])[],
  { credential, names, signature, hash, at }: Sent,
  keys: readonly Key[],
  region: string | null,
  sessionToken: string | undefined,
): Judgement {
  const [id = "", day = "", named = "", service = "", end = ""] = credential.split("/");
  const key = keys.find((known) => known.id === id);
  if (key === undefined) return { status: 403, code: "InvalidAccessKeyId" };
  if ((sessionToken ?? null) !== key.sessionToken) return { status: 403, code: "InvalidToken" };
  if (service !== "s3" || end !== "aws4_request" || day !== at.slice(0, 8) || (region !== null && named !== region)) {
    return { status: 400, code: "AuthorizationHeaderMalformed" };
  }
  const headers = names.split(";");
  const unsigned = Object.keys(request.headers).filter((name) => name.startsWith("x-amz-") && !headers.includes(name));
  if (!headers.includes("host") || unsigned.length > 0) return { status: 403, code: "AccessDenied" };
  const canonical = [
    request.method,
    path
      .split("/")
      .map((segment) => encoded(decodeURIComponent(segment)))
      .join("/"),
    parameters
      .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
      .sort()
      .join("&"),
    ...headers.map((name) => `${name}:${(request.headers[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    names,
    hash,
  ].join("\n");
  const scope = `${day}/${named}/s3/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", at, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  const steps = [day, named, "s3", "aws4_request"];
  const signingKey = steps.reduce<Buffer>((from, step) => hmac(from, step), Buffer.from(`AWS4${key.secret}`));
  return hmac(signingKey, text).toString("hex") === signature
    ? "right"
    : { status: 403, code: "SignatureDoesNotMatch" };
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** A `+` is one: a client that means a space has to say `%20`. */
function parameter(text: string): readonly [string, string] {
  const [name = "", value = ""] = text.split("=", 2);
  return [decodeURIComponent(name), decodeURIComponent(value)];
}

/** Everything but A-Z a-z 0-9 - . _ ~, a byte at a time. */
function encoded(text: string): string {
  return [...Buffer.from(text, "utf8")]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9._~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
}

/** 20260301T120000Z, in ms since 1970. */
function time(text: string): number {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
}
