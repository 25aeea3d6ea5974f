import { describe, expect, it } from "vitest";
import { isExternalId } from "../../../src/core/domain/job.ts";
import { parseJob } from "../../../src/stores/airtable/parse-records.ts";
import { NOW } from "../../support/builders.ts";
import { clientOf, raw, scriptedBase } from "./server.ts";

const never = new AbortController().signal;
const NAMES = {
  status: "Status",
  externalId: "External Job ID",
  ownId: null,
  type: null,
  requestPayload: null,
  responsePayload: null,
  webhookUrl: null,
  error: null,
  notes: null,
  startedAt: null,
  furtherFields: new Map(),
  links: new Map<string, string>(),
};
const ID = "0b8a3f52-2f7c";

/** The job of a record whose JSON is `fields`, as a listing reads it over HTTP. */
async function listed(fields: string) {
  const record = `{"id":"rec00000000000001","createdTime":"2026-03-01T11:00:00.000Z","fields":${fields}}`;
  const base = await scriptedBase(raw(200, `{"records":[${record}]}`));
  const query = { statuses: ["processing"], before: NOW, future: NOW };
  for await (const [job] of clientOf(base.url).store.list(query, never)) return job;
  return undefined;
}

async function externalIdIn(cell: unknown) {
  return (await listed(JSON.stringify({ Status: "processing", "External Job ID": cell })))?.externalId;
}

function nested(levels: number): string {
  return `${"[".repeat(levels)}${"]".repeat(levels)}`;
}

describe("an external id", () => {
  it.each([
    ["a text", ID],
    ["a lookup of one text", [ID]],
    ["a barcode", { text: ID, type: "code39" }],
    ["a lookup of one barcode", [{ text: ID }]],
    ["a generated AI text", { state: "generated", value: ID, isStale: false }],
  ])("is read from %s", async (_, cell) => {
    expect(await externalIdIn(cell)).toBe(ID);
  });

  it("is read from a number", async () => {
    expect(await externalIdIn(4711)).toBe("4711");
  });

  it.each([
    ["a link to a record", ["recdRdKs6y9dyf609"]],
    ["links to records", ["recdRdKs6y9dyf609", "recdRdKs6y9dyf610"]],
    ["a lookup of several texts", [ID, ID]],
    ["an AI text that is not generated yet", { state: "loading", value: null, isStale: false }],
    ["a formula's error", { error: "#ERROR!" }],
    ["a collaborator", { id: "usr1", name: ID }],
    ["attachments", [{ id: "att1", filename: ID, url: "https://a.example/b" }]],
    ["a checkbox", true],
    ["an object without anything", {}],
  ])("is refused, and not missing, where the field holds %s", async (_, cell) => {
    const externalId = await externalIdIn(cell);
    expect(externalId).not.toBeNull();
    expect(isExternalId(externalId ?? "")).toBe(false);
  });

  it.each([
    ["an empty list", []],
    ["a blank text", " "],
    ["a lookup of a blank cell", [null]],
  ])("is missing where the field holds %s", async (_, cell) => {
    expect(await externalIdIn(cell)).toBeNull();
  });
});

describe("a cell nested 100,000 deep", () => {
  it("leaves the job without an external id that could be probed", async () => {
    const job = await listed(`{"Status":"processing","External Job ID":${nested(100_000)}}`);
    expect(job?.externalId).not.toBeNull();
    expect(isExternalId(job?.externalId ?? "")).toBe(false);
  });

  it("leaves the job's other cells readable", async () => {
    const job = await listed(`{"Status":"processing","External Job ID":"${ID}","Notes":${nested(100_000)}}`);
    expect(job).toMatchObject({ externalId: ID, notes: "(nested too deep to be read)" });
  });

  it("leaves a job whose status holds it out of the stuck ones", async () => {
    expect(await listed(`{"Status":${nested(100_000)}}`)).toMatchObject({ status: "(nested too deep to be read)" });
  });

  it("leaves its target unread, and the other targets of the request readable", async () => {
    const cells = [`{"Status":${nested(100_000)}}`, '{"Status":"ready"}'];
    const records = cells.map((fields, n) => `{"id":"recSegment000000${n}","fields":${fields}}`);
    const base = await scriptedBase(raw(200, `{"records":[${records}]}`));
    const ids = ["recSegment0000000", "recSegment0000001"];
    const fields = { attachments: [], cells: ["Status"] };
    const found = await clientOf(base.url).store.readTargets("Segments", ids, fields, never);
    expect([...found.values()]).toEqual([{ id: "recSegment0000001", attachments: {}, cells: { Status: "ready" } }]);
  });
});

describe("a status that is a list", () => {
  it.each([[["processing"]], [["processing", "urgent"]]])("is a configuration error: %j", async (status) => {
    await expect(listed(JSON.stringify({ Status: status, "External Job ID": ID }))).rejects.toMatchObject({
      code: "config",
      message: 'Field "Status" of table "Jobs" holds a list; expected a single select or a text',
    });
  });
});

describe("the date of a job", () => {
  function startOf(createdTime: string, started: string) {
    return parseJob(
      { id: "rec00000000000001", createdTime, fields: { "Started At": started } },
      { ...NAMES, startedAt: "Started At" },
    ).since;
  }
  const CREATED = "2026-03-01T11:00:00.000Z";

  it("is that of the record where its own is earlier: a local time that was stored as UTC", () => {
    expect(startOf(CREATED, "2026-03-01T10:00:00.000Z")).toEqual({ kind: "at", at: Date.parse(CREATED) });
  });

  it("is its own where that is later", () => {
    const later = "2026-03-01T12:00:00.000Z";
    expect(startOf(CREATED, later)).toEqual({ kind: "at", at: Date.parse(later) });
  });

  it("without a time counts from the record's, and for failing from the end of that day", () => {
    const latest = Date.parse("2026-03-02T00:00:00.000Z");
    expect(startOf(CREATED, "2026-03-01")).toEqual({ kind: "at", at: Date.parse(CREATED), latest });
  });
});
