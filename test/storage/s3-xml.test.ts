import { describe, expect, it } from "vitest";
import { parseError, parseListing } from "../../src/storage/s3-xml.ts";

function listing(inside: string): string {
  return `<?xml version="1.0"?><ListBucketResult>${inside}<IsTruncated>false</IsTruncated></ListBucketResult>`;
}

function nested(levels: number): string {
  return `${"<a>".repeat(levels)}${"</a>".repeat(levels)}`;
}

describe("an S3 listing from a hostile server", () => {
  it.each([
    ["200 nested tags", nested(200)],
    ["100,000 nested tags", nested(100_000)],
    ["a tag __proto__", "<__proto__><Contents><Key>x</Key></Contents></__proto__>"],
    ["a tag __proto__ inside an entry", "<Contents><Key>k</Key><__proto__><Key>x</Key></__proto__></Contents>"],
    ["a tag constructor", "<constructor><prototype>x</prototype></constructor>"],
    ["an entry whose key is a tag", "<Contents><Key><b>x</b></Key></Contents>"],
  ])("with %s cannot be read, and throws nothing", (_, inside) => {
    expect(parseListing(listing(inside))).toBe(null);
  });

  it("that declares entities cannot be read: they could grow without bound", () => {
    const entities = Array.from({ length: 9 }, (_, n) => `<!ENTITY e${n + 1} "${`&e${n};`.repeat(10)}">`).join("");
    const text = `<!DOCTYPE x [<!ENTITY e0 "x">${entities}]><ListBucketResult><Contents><Key>&e9;</Key></Contents></ListBucketResult>`;
    expect(parseListing(text)).toBe(null);
    expect(parseListing(text.replace(/^.*\]>/, "").replace("&e9;", "<![CDATA[x]]>"))).toBe(null);
  });
});

describe("an S3 error", () => {
  it.each(["<Code>No\u001b[31mKey</Code>", "<Code>No Key</Code>", `<Code>${"x".repeat(65)}</Code>`, "<Code/>"])(
    "without a code that is a plain word is none: %j",
    (inside) => {
      expect(parseError(`<Error>${inside}</Error>`)).toBe(null);
    },
  );

  it("is read with its code and region", () => {
    const text = "<Error><Code>PermanentRedirect</Code><Region>eu-west-1</Region></Error>";
    expect(parseError(text)).toEqual({ code: "PermanentRedirect", region: "eu-west-1" });
  });
});
