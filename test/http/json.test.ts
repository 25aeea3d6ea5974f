import { expect, it } from "vitest";
import { parseJson } from "../../src/http/json.ts";

it("parseJson returns the value of a text", () => {
  expect(parseJson('{"a":[1]}')).toEqual({ kind: "json", value: { a: [1] } });
  expect(parseJson(`${"[".repeat(100)}1${"]".repeat(100)}`)).toMatchObject({ kind: "json" });
});

it.each(["", "<html>", '{"a":', "[1,]", "\ufeff{}"])("parseJson says that %j is no JSON", (text) => {
  expect(parseJson(text)).toEqual({ kind: "invalid", detail: "no JSON" });
});

it.each([
  ["lists", "[", "]"],
  ["objects", '{"a":', "}"],
])("parseJson returns no value of %s nested 100,000 deep", (_, open, close) => {
  const text = `${open.repeat(100_000)}1${close.repeat(100_000)}`;
  expect(parseJson(text)).toEqual({ kind: "invalid", detail: "JSON nested deeper than 100 levels" });
});
