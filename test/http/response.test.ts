import { expect, it } from "vitest";
import { header, isRedirect, mediaType, redirectTarget } from "../../src/http/response.ts";

const at = new URL("https://a.example/x?key=secret");

function answer(headers: Record<string, string | readonly string[]>, status = 307) {
  return { kind: "answer", status, headers } as const;
}

it("a header that came twice is read as its first value", () => {
  expect(header(answer({ "retry-after": ["3", "9"] }), "retry-after")).toBe("3");
  expect(header(answer({}), "retry-after")).toBe(null);
});

it("a media type is read without parameters, in lower case", () => {
  expect(mediaType(answer({ "content-type": " Text/HTML ; charset=x" }))).toBe("text/html");
  expect(mediaType(answer({}))).toBe("");
});

it.each([301, 302, 303, 307, 308])("%d is a redirect", (status) => {
  expect(isRedirect(answer({}, status))).toBe(true);
});

it.each([200, 300, 304, 305, 306, 404])("%d is no redirect", (status) => {
  expect(isRedirect(answer({}, status))).toBe(false);
});

it.each([
  ["https://user:pass@b.example:81/y?token=1", " to b.example:81"],
  ["/y", " to a.example"],
  ["http://[", ""],
])("a redirect to %s is shown by its host alone", (location, shown) => {
  expect(redirectTarget(at, answer({ location }))).toBe(shown);
  expect(redirectTarget(at, answer({}))).toBe("");
});
