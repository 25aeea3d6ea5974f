import { describe, expect, it } from "vitest";
import type { JobQuery } from "../../../src/core/ports/ports.ts";
import { MINUTE, NOW } from "../../support/builders.ts";
import { clientOf, json, reset, scriptedBase } from "./server.ts";

const never = new AbortController().signal;
const QUERY: JobQuery = { statuses: ["processing"], before: NOW - 5 * MINUTE, future: NOW + MINUTE };
const EXPIRED = json(422, { error: { type: "LIST_RECORDS_ITERATOR_NOT_AVAILABLE", message: "expired" } });
const REFUSED = json(422, {
  error: {
    type: "INVALID_MULTIPLE_CHOICE_OPTIONS",
    message: 'Insufficient permissions to create new select option ""x""',
  },
});

function record(n: number, fields: Readonly<Record<string, unknown>> = {}) {
  return { id: idOf(n), createdTime: "2026-03-01T11:00:00.000Z", fields: { Status: "processing", ...fields } };
}

function idOf(n: number): string {
  return `rec${String(n).padStart(14, "0")}`;
}

async function idsListed(url: string, query = QUERY): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const page of clientOf(url).store.list(query, never)) ids.push(...page.map(({ id }) => id));
  return ids;
}

describe("a listing", () => {
  it("is one request with a formula, the needed fields, and pages of 100", async () => {
    const base = await scriptedBase(json(200, { records: [] }));
    await idsListed(base.url);
    expect(base.seen).toHaveLength(1);
    const target = base.seen[0]?.target ?? "";
    expect(target).toContain("/v0/appTest0000000001/Jobs?");
    expect(target).toContain(
      "filterByFormula=AND({Status}='processing',OR(IS_BEFORE(CREATED_TIME(),'2026-03-01T11:55:00.000Z'),IS_AFTER(CREATED_TIME(),'2026-03-01T12:01:00.000Z')))",
    );
    expect(target).toContain("pageSize=100");
    expect(target).toContain("fields[]=External Job ID");
    expect(target).not.toContain("Related Segment Video");
  });

  it("follows the offset to the end", async () => {
    const base = await scriptedBase(
      json(200, { records: [record(1)], offset: "itr/1" }),
      json(200, { records: [record(2)] }),
    );
    await expect(idsListed(base.url)).resolves.toEqual([idOf(1), idOf(2)]);
    expect(base.seen[1]?.target).toContain("offset=itr/1");
  });

  it("starts over when its iterator expired, and lists no record twice", async () => {
    const base = await scriptedBase(
      json(200, { records: [record(1), record(2)], offset: "itr/1" }),
      EXPIRED,
      json(200, { records: [record(2), record(1)], offset: "itr/2" }),
      json(200, { records: [record(3)] }),
    );
    await expect(idsListed(base.url)).resolves.toEqual([idOf(1), idOf(2), idOf(3)]);
  });

  it("whose iterator keeps expiring is unavailable", async () => {
    const base = await scriptedBase(EXPIRED);
    await expect(idsListed(base.url)).rejects.toMatchObject({ code: "unavailable" });
  });

  it("that breaks off is an error, not a short list", async () => {
    const base = await scriptedBase(json(200, { records: [record(1)], offset: "itr/1" }), reset);
    await expect(idsListed(base.url)).rejects.toMatchObject({ code: "unavailable" });
  });

  it("of a base without a configured field is a configuration error with Airtable's message", async () => {
    const base = await scriptedBase(
      json(422, { error: { type: "UNKNOWN_FIELD_NAME", message: 'Unknown field name: "Notes"' } }),
    );
    await expect(idsListed(base.url)).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining('"Notes"'),
    });
  });

  it("by names quotes every character of a name", async () => {
    const base = await scriptedBase(json(200, { records: [] }));
    await idsListed(base.url, { ...QUERY, named: ["it's\\", idOf(7)] });
    expect(base.seen[0]?.target).toContain(
      `OR(({External Job ID}&'')='it\\'s\\\\',RECORD_ID()='${idOf(7)}',({External Job ID}&'')='${idOf(7)}')`,
    );
  });

  it("with a formula too long for an URL is posted", async () => {
    const base = await scriptedBase(json(200, { records: [] }));
    await idsListed(base.url, { ...QUERY, named: Array.from({ length: 400 }, (_, n) => idOf(n)) });
    expect(base.seen[0]).toMatchObject({ method: "POST", target: expect.stringContaining("/Jobs/listRecords") });
    expect(JSON.parse(base.seen[0]?.body ?? "")).toMatchObject({ pageSize: 100, filterByFormula: expect.any(String) });
  });

  it("reads a job as the base holds it", async () => {
    const fields = {
      Type: "combine",
      "External Job ID": " 0b8a3f52 ",
      "Request Payload": "{'segment_id': 'recdRdKs6y9dyf609', 'duration_override': None}",
      Segments: ["recSegment0000001"],
    };
    const base = await scriptedBase(json(200, { records: [record(1, fields)] }));
    const pages = [];
    for await (const page of clientOf(base.url).store.list(QUERY, never)) pages.push(...page);
    expect(pages).toEqual([
      {
        id: idOf(1),
        status: "processing",
        type: "combine",
        applicationId: null,
        externalId: " 0b8a3f52 ",
        since: { kind: "at", at: Date.parse("2026-03-01T11:00:00.000Z") },
        startedAt: { kind: "at", at: Date.parse("2026-03-01T11:00:00.000Z") },
        fields: {},
        payload: { kind: "read", value: { segment_id: "recdRdKs6y9dyf609", duration_override: null } },
        webhookUrl: null,
        links: { Segments: ["recSegment0000001"], "Related Video": [] },
        notes: "",
        responsePayload: "",
        error: "",
      },
    ]);
  });
});

describe("the completed jobs", () => {
  it("are listed again when the iterator expired, and none twice", async () => {
    const base = await scriptedBase(
      json(200, { records: [record(1)], offset: "itr/1" }),
      EXPIRED,
      json(200, { records: [record(1)], offset: "itr/2" }),
      json(200, { records: [record(2)] }),
    );
    const { jobs, complete } = await clientOf(base.url).store.listCompleted(null, never);
    expect([jobs.map(({ id }) => id), complete]).toEqual([[idOf(1), idOf(2)], true]);
  });

  it("are reported as incomplete when more than 500 of them match", async () => {
    const pages = [1, 2, 3, 4, 5].map((n) =>
      json(200, { records: Array.from({ length: 100 }, (_, each) => record(100 * n + each)), offset: `itr/${n}` }),
    );
    const base = await scriptedBase(...pages);
    const { jobs, complete } = await clientOf(base.url).store.listCompleted(null, never);
    expect([jobs.length, complete, base.seen.length]).toEqual([500, false, 5]);
  });
});

describe("a write of several", () => {
  const updates = [1, 2, 3, 4].map((n) => ({ id: idOf(n), status: "completed" }));

  it("that is refused rejects each of them, since the answer does not say which one is invalid", async () => {
    const base = await scriptedBase(REFUSED);
    const results = await clientOf(base.url).store.updateJobs(updates, {
      signal: never,
      notAfter: Number.POSITIVE_INFINITY,
    });
    expect(results.map(({ kind }) => kind)).toEqual([
      "batch-rejected",
      "batch-rejected",
      "batch-rejected",
      "batch-rejected",
    ]);
    expect(base.seen).toHaveLength(1);
  });

  it("is refused with Airtable's message when it has one record", async () => {
    const base = await scriptedBase(REFUSED);
    expect(
      await clientOf(base.url).store.updateJobs(updates.slice(0, 1), {
        signal: never,
        notAfter: Number.POSITIVE_INFINITY,
      }),
    ).toEqual([
      {
        id: idOf(1),
        kind: "refused",
        error: expect.stringContaining("INVALID_MULTIPLE_CHOICE_OPTIONS"),
        scope: "field",
      },
    ]);
  });

  it("is confirmed only for the records that the answer names", async () => {
    const base = await scriptedBase(json(200, { records: [record(1), record(2), record(4)] }));
    const results = await clientOf(base.url).store.updateJobs(updates, {
      signal: never,
      notAfter: Number.POSITIVE_INFINITY,
    });
    expect(results.map(({ kind }) => kind)).toEqual(["confirmed", "confirmed", "unconfirmed", "confirmed"]);
  });

  it("never asks for typecast", async () => {
    const base = await scriptedBase(json(200, { records: [] }));
    await clientOf(base.url).store.updateJobs(updates, { signal: never, notAfter: Number.POSITIVE_INFINITY });
    expect(Object.keys(JSON.parse(base.seen[0]?.body ?? "{}"))).toEqual(["records"]);
  });
});

describe("a table that the token may not access", () => {
  const forbidden = json(403, { error: { type: "INVALID_PERMISSIONS", message: "You are not permitted" } });
  const refused = {
    name: "TableRefused",
    table: "Segments",
    code: "auth",
    message: expect.stringContaining('table "Segments": HTTP 403 INVALID_PERMISSIONS You are not permitted'),
    hint: expect.stringContaining("may not edit this table or field"),
  };

  it("is named when its records are read", async () => {
    const base = await scriptedBase(forbidden);
    const { store } = clientOf(base.url);
    const fields = { attachments: [], cells: ["Status"] };
    await expect(store.readTargets("Segments", [idOf(1)], fields, never)).rejects.toMatchObject(refused);
  });

  it("refuses every record of it when they are written, and the table and field are named", async () => {
    const base = await scriptedBase(forbidden);
    const { store } = clientOf(base.url);
    const updates = [{ id: idOf(1), fields: { Status: "combined" } }];
    expect(
      await store.updateTargets("Segments", updates, { signal: never, notAfter: Number.POSITIVE_INFINITY }),
    ).toEqual([
      {
        id: idOf(1),
        kind: "refused",
        scope: "permission",
        error: expect.stringMatching(/^table "Segments", field "Status": HTTP 403 INVALID_PERMISSIONS .*or field/),
      },
    ]);
  });
});

describe("a refused write", () => {
  it.each([
    ["INVALID_VALUE_FOR_COLUMN", 'Field "Status" cannot accept a value because the field is computed', "field"],
    ["INVALID_VALUE_FOR_COLUMN", "Cannot parse value for field Status", "field"],
    ["INVALID_VALUE_FOR_COLUMN", "The value cannot be written", undefined],
    ["INVALID_MULTIPLE_CHOICE_OPTIONS", 'Insufficient permissions to create new select option ""x""', "field"],
    ["UNKNOWN_FIELD_NAME", 'Unknown field name: "Stat"', "field"],
  ])("with %s and the words %s is of scope %s", async (type, message, scope) => {
    const base = await scriptedBase(json(422, { error: { type, message } }));
    const [result] = await clientOf(base.url).store.updateJobs([{ id: idOf(1), status: "completed" }], {
      signal: never,
      notAfter: Number.POSITIVE_INFINITY,
    });
    expect(result).toEqual({ id: idOf(1), kind: "refused", error: expect.any(String), ...(scope ? { scope } : {}) });
  });
});

describe("a read by ids", () => {
  it("leaves out deleted records", async () => {
    const base = await scriptedBase(json(200, { records: [record(1)] }));
    const found = await clientOf(base.url).store.readJobs([idOf(1), idOf(2)], never);
    expect([...found.keys()]).toEqual([idOf(1)]);
    expect(base.seen[0]?.target).toContain(`filterByFormula=OR(RECORD_ID()='${idOf(1)}',RECORD_ID()='${idOf(2)}')`);
  });

  it("of targets reads all fields when the base lacks one of them", async () => {
    const base = await scriptedBase(
      json(422, { error: { type: "UNKNOWN_FIELD_NAME", message: 'Unknown field name: "Video"' } }),
      json(200, {
        records: [
          {
            id: "recSegment0000001",
            createdTime: "",
            fields: { "Voiceover + Video": [{ id: "att1", url: "u", filename: "a.mp4", size: 3 }] },
          },
        ],
      }),
    );
    const found = await clientOf(base.url).store.readTargets(
      "Segments",
      ["recSegment0000001"],
      { attachments: ["Voiceover + Video", "Video"], cells: ["Status", "Notes"] },
      never,
    );
    expect(found.get("recSegment0000001")).toEqual({
      id: "recSegment0000001",
      attachments: { "Voiceover + Video": [{ id: "att1", url: "u", filename: "a.mp4", size: 3 }] },
      cells: {},
    });
  });
});
