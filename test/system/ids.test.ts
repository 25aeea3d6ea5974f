import { describe, expect, it } from "vitest";
import { digestOf, newId } from "../../src/system/ids.ts";

describe("newId", () => {
  it("is a UUID of version 4, another one each time", () => {
    const ids = Array.from({ length: 10_000 }, newId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    // Each digit that may vary does.
    const seen = Array.from({ length: 36 }, (_, n) => new Set(ids.map((id) => id[n])).size);
    expect(seen.filter((digits) => digits === 16)).toHaveLength(30);
    expect(seen.filter((digits) => digits === 4)).toHaveLength(1);
  });
});

describe("digestOf", () => {
  // Its first half is FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ has the vectors.
  it.each([
    ["", "811c9dc5"],
    ["a", "e40c292c"],
    ["foobar", "bf9cf968"],
  ])("of %j begins with %s", (text, hash) => {
    expect(digestOf(text)).toMatch(new RegExp(`^${hash}[0-9a-f]{8}$`));
  });

  it("tells bases of one endpoint apart", () => {
    const of = (n: number) => digestOf(`https://api.airtable.com app${String(n).padStart(14, "0")}`);
    expect(new Set(Array.from({ length: 100_000 }, (_, n) => of(n))).size).toBe(100_000);
  });
});
