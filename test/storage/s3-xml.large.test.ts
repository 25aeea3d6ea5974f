import { describe, expect, it } from "vitest";
import { parseError, parseListing } from "../../src/storage/s3-xml.ts";

const MEGA = 1_000_000;

function listing(inside: string): string {
  return `<?xml version="1.0"?><ListBucketResult>${inside}<IsTruncated>false</IsTruncated></ListBucketResult>`;
}

describe("an S3 listing from a hostile server", () => {
  it.each([
    ["entities", `<Contents><Key>${"&amp;".repeat(MEGA / 5)}</Key></Contents>`],
    ["ampersands", `<Contents><Key>${"&".repeat(MEGA)}</Key></Contents>`],
    ["open brackets", "<".repeat(MEGA)],
    ["tags that never end", "<a b='".repeat(MEGA / 6)],
    ["attributes", `<a ${"b='1' ".repeat(MEGA / 6)}/>`],
    ["attributes without a value", `<a ${"b ".repeat(MEGA / 2)}/>`],
    ["a tag of spaces", `<a ${" ".repeat(MEGA)}/>`],
    ["a tag with a long name", `<${"b".repeat(MEGA)}/>`],
    ["processing instructions", "<?a ".repeat(MEGA / 4)],
    ["closing tags", "</a>".repeat(MEGA / 4)],
    ["half references", `<Contents><Key>${"&#x".repeat(MEGA / 3)}</Key></Contents>`],
    ["line ends", "\n".repeat(MEGA)],
  ])("of 1 MB of %s takes linear time", (_, inside) => {
    parseListing(listing(inside));
    parseError(`<Error>${inside}</Error>`);
  });

  it("that begins with 1 MB of spaces is none", () => {
    expect(parseListing(`${" ".repeat(MEGA)}${listing("")}`)).toBe(null);
  });
});
