import { createServer } from "node:http";
import { pipeline, Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { listen } from "../../support/servers.ts";
import { ALL, idsOf, listingOf, never, record } from "./listing.ts";

const MIB = 1024 * 1024;

/** A base of `count` records, each with a text of `bytes`; it notes the page sizes that are asked for. */
async function largeBase(count: number, bytes: number): Promise<{ url: string; pageSizes: readonly number[] }> {
  const pageSizes: number[] = [];
  const text = "x".repeat(bytes);
  function* page(start: number, end: number) {
    yield '{"records":[';
    for (let n = start; n < end; n += 1) yield `${n === start ? "" : ","}${JSON.stringify(record(n, { Log: text }))}`;
    yield `]${end < count ? `,"offset":"${end}"` : ""}}`;
  }
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? "", "http://base").searchParams;
    const pageSize = Number(query.get("pageSize"));
    pageSizes.push(pageSize);
    const start = Number(query.get("offset") ?? "0");
    // The client ends the connection in the middle of a page that is too large.
    pipeline(Readable.from(page(start, Math.min(start + pageSize, count))), response, () => undefined);
  });
  const { url } = await listen(server);
  return { url, pageSizes };
}

describe("a page of records that is larger than 16 MiB", () => {
  it("is asked for again with half the page size, and no record is missed", async () => {
    const { url, pageSizes } = await largeBase(30, MIB);
    const ids = await idsOf(listingOf(url)(ALL, never));
    expect(ids).toEqual(Array.from({ length: 30 }, (_, n) => record(n).id));
    expect(pageSizes).toEqual([100, 50, 25, 12, 12, 12]);
  });

  it("is an error that names the table when a single record is larger", async () => {
    const { url, pageSizes } = await largeBase(2, 17 * MIB);
    await expect(idsOf(listingOf(url)(ALL, never))).rejects.toMatchObject({
      code: "unavailable",
      message: 'Airtable\'s answer is larger than 16 MiB, for a single record of table "Jobs"',
    });
    expect(pageSizes).toEqual([100, 50, 25, 12, 6, 3, 1]);
  });
});
