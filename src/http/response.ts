/** The status and headers of an answer; header names are in lower case. */
export interface ResponseHead {
  readonly kind: "answer";
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** An answer with its body. `complete` is false where the body was longer than the request allowed, and was cut there. */
export interface HttpResponse extends ResponseHead {
  readonly body: Buffer;
  readonly complete: boolean;
}

/** Returns the first value of a header, or null. `name` is in lower case. */
export function header({ headers }: ResponseHead, name: string): string | null {
  const value = headers[name];
  return (typeof value === "string" ? value : value?.[0]) ?? null;
}

/** Returns the media type of the body in lower case, without its parameters; `""` where the answer names none. */
export function mediaType(response: ResponseHead): string {
  const type = header(response, "content-type") ?? "";
  const end = type.indexOf(";");
  return (end < 0 ? type : type.slice(0, end)).trim().toLowerCase();
}

/** Returns whether the answer points to another URL. 300 and 304 to 306 do not. */
export function isRedirect({ status }: ResponseHead): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/**
 * Returns where a redirect that is not followed points, for people: " to <host>", or "". The rest of the location may
 * hold signatures and passwords.
 */
export function redirectTarget(from: URL, response: ResponseHead): string {
  const location = header(response, "location");
  return location !== null && URL.canParse(location, from.href) ? ` to ${new URL(location, from.href).host}` : "";
}

/** Returns whether a URL is one of http or https. */
export function isHttp({ protocol }: URL): boolean {
  return protocol === "http:" || protocol === "https:";
}
