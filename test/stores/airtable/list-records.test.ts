import { describe, expect, it } from "vitest";
import { ALL, idsOf, listingOf, never, record } from "./listing.ts";
import { json, raw, scriptedBase } from "./server.ts";

describe("a listing", () => {
  it("sends no request for a page that nobody asks for", async () => {
    const base = await scriptedBase(json(200, { records: [record(1)], offset: "itr/1" }));
    for await (const { last } of listingOf(base.url)(ALL, never)) {
      expect(last).toBe(false);
      break;
    }
    expect(base.seen).toHaveLength(1);
  });

  it("passes on what its reader throws", async () => {
    const base = await scriptedBase(json(200, { records: [record(1)] }));
    const read = async () => {
      for await (const _ of listingOf(base.url)(ALL, never)) throw new Error("the reader's own");
    };
    await expect(read()).rejects.toThrow("the reader's own");
  });

  it("keeps the time at which a record was created", async () => {
    const base = await scriptedBase(json(200, { records: [record(1), { id: record(2).id, fields: {} }] }));
    for await (const { records, last } of listingOf(base.url)(ALL, never)) {
      expect(records.map(({ createdTime }) => createdTime)).toEqual(["2026-03-01T11:00:00.000Z", null]);
      expect(last).toBe(true);
    }
  });

  it.each([
    ["an HTML page with status 200", raw(200, "<html>oops</html>")],
    ["no records", json(200, {})],
    ["records that are no list", json(200, { records: {} })],
    ["a record without fields", json(200, { records: [{ id: "rec00000000000001" }] })],
    ["a record that is null", json(200, { records: [null] })],
  ])("is unavailable when it is answered with %s", async (_, answer) => {
    const base = await scriptedBase(answer);
    await expect(idsOf(listingOf(base.url)(ALL, never))).rejects.toMatchObject({ code: "unavailable" });
  });

  it("posts the same parameters that it would put into the URL", async () => {
    const base = await scriptedBase(json(200, { records: [record(1)], offset: "itr/1" }), json(200, { records: [] }));
    const filterByFormula = `FIND('${"x".repeat(8_000)}',{Notes})`;
    await idsOf(listingOf(base.url)({ table: "My Jobs", fields: ["Notes"], filterByFormula }, never));
    const sent = base.seen.map(({ method, target, body }) => ({ method, target, body: JSON.parse(body) }));
    const shared = { fields: ["Notes"], filterByFormula, pageSize: 100 };
    const target = "/v0/appTest0000000001/My Jobs/listRecords";
    expect(sent).toEqual([
      { method: "POST", target, body: shared },
      { method: "POST", target, body: { ...shared, offset: "itr/1" } },
    ]);
  });
});
