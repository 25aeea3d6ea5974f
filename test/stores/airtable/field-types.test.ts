import { describe, expect, it, onTestFinished } from "vitest";
import type { Json } from "../../../src/sandbox/airtable/cells.ts";
import { createBase } from "../../../src/sandbox/airtable/fake-airtable.ts";
import { parseSchema } from "../../../src/sandbox/airtable/schema.ts";
import { listen } from "../../../src/sandbox/loopback-server.ts";
import schemaJson from "../../../src/sandbox/seed/base-schema.json" with { type: "json" };
import { MINUTE, NOW } from "../../support/builders.ts";
import { BASE_ID, clientOf, TOKEN } from "./server.ts";

const never = new AbortController().signal;
const JOB = "recJob00000000001";
const ID = "0b8a3f52-2f7c";
const CREATED = new Date(NOW - 30 * MINUTE).toISOString();
const OVERDUE = { statuses: ["processing"], before: NOW, future: NOW + MINUTE };

/** The real base, but for the types of some fields of Jobs, with one job; served as Airtable serves it. */
async function baseWith(types: Readonly<Record<string, string>>, fields: Readonly<Record<string, Json>>) {
  const tables = schemaJson.tables.map((table) => ({
    ...table,
    fields: table.fields.map((field) => ({
      ...field,
      type: table.name === "Jobs" ? (types[field.name] ?? field.type) : field.type,
    })),
  }));
  const base = createBase({
    schema: parseSchema({ tables }),
    baseId: BASE_ID,
    token: TOKEN,
    random: Math.random,
    limit: null,
  });
  base.upsert("Jobs", { id: JOB, createdTime: CREATED, fields: { Status: "processing", ...fields } });
  const listener = await listen(0, async (request) => base.handle(request, NOW));
  onTestFinished(() => listener.close());
  return { base, ...clientOf(listener.url) };
}

describe("an external id field", () => {
  const kinds: readonly (readonly [type: string, cell: Json, id: string])[] = [
    ["singleLineText", ID, ID],
    ["number", 4711, "4711"],
    ["formula", ID, ID],
    ["multipleLookupValues", [ID], ID],
    ["barcode", { text: ID, type: "code39" }, ID],
    ["aiText", { state: "generated", value: ID, isStale: false }, ID],
  ];

  it.each(kinds)("of the type %s gives its job the id that it shows", async (type, cell, id) => {
    const { store } = await baseWith({ "External Job ID": type }, { "External Job ID": cell });
    const found = await store.readJobs([JOB], never);
    expect(found.get(JOB)?.externalId).toBe(id);
  });

  it.each(kinds)("of the type %s is found by that id", async (type, cell, id) => {
    const { store } = await baseWith({ "External Job ID": type }, { "External Job ID": cell });
    const found = await store.findJobs([id], never);
    expect(found.map((job) => job.id)).toEqual([JOB]);
    for await (const jobs of store.list({ ...OVERDUE, named: [id] }, never)) {
      expect(jobs.map((job) => job.id)).toEqual([JOB]);
    }
  });

  it.each(["' ,TRUE(),'", "')=''),TRUE(),('", "\\',TRUE(),\\'", "{External Job ID}", "x'&'"])(
    "matches no other job for the name %s",
    async (name) => {
      const { store } = await baseWith({}, { "External Job ID": ID });
      expect(await store.findJobs([name], never)).toEqual([]);
    },
  );
});

describe("a status field", () => {
  it("that is a multiple select is a configuration error before anything is written", async () => {
    const { store } = await baseWith({ Status: "multipleSelects" }, { Status: ["processing"] });
    await expect(store.list(OVERDUE, never)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "config",
      message: 'Field "Status" of table "Jobs" holds a list; expected a single select or a text',
    });
  });

  it("that is a formula is refused by name when it is written", async () => {
    const { store } = await baseWith({ Status: "formula" }, {});
    const error = expect.stringMatching(/^table "Jobs", field "Status": HTTP 422 INVALID_VALUE_FOR_COLUMN .*computed$/);
    expect(
      await store.updateJobs([{ id: JOB, status: "completed" }], { signal: never, notAfter: Number.POSITIVE_INFINITY }),
    ).toEqual([{ id: JOB, kind: "refused", error, scope: "field" }]);
  });

  it("without the option is refused by name when it is written", async () => {
    const { store } = await baseWith({}, {});
    const error = expect.stringMatching(/^table "Jobs", fields "Status", "Notes": HTTP 422 INVALID_MULTIPLE_CHOICE_/);
    expect(
      await store.updateJobs([{ id: JOB, status: "Completed", notes: "x" }], {
        signal: never,
        notAfter: Number.POSITIVE_INFINITY,
      }),
    ).toEqual([{ id: JOB, kind: "refused", error, scope: "field" }]);
  });
});

it("a file that is written into a URL field is refused by name", async () => {
  const { base, store } = await baseWith({}, {});
  base.upsert("Segments", { id: "recSegment0000001", createdTime: CREATED, fields: {} });
  const fields = { "SRT Text": [{ url: "https://a.example/x.mp4" }] };
  const error = expect.stringContaining('table "Segments", field "SRT Text": HTTP 422 INVALID_VALUE_FOR_COLUMN');
  expect(
    await store.updateTargets("Segments", [{ id: "recSegment0000001", fields }], {
      signal: never,
      notAfter: Number.POSITIVE_INFINITY,
    }),
  ).toEqual([{ id: "recSegment0000001", kind: "refused", error, scope: "field" }]);
});
