import { describe, expect, it } from "vitest";
import type { Json } from "../../../src/sandbox/airtable/cells.ts";
import { type BaseOptions, createBase } from "../../../src/sandbox/airtable/fake-airtable.ts";
import { type Access, FULL_ACCESS } from "../../../src/sandbox/airtable/permissions.ts";
import { parseSchema } from "../../../src/sandbox/airtable/schema.ts";
import { snapshotSchema } from "../../../src/sandbox/airtable/tables.ts";
import schemaJson from "../../../src/sandbox/seed/base-schema.json" with { type: "json" };
import { MINUTE, NOW } from "../../support/builders.ts";

const BASE = "appTest0000000001";
const TOKEN = "patTest";
const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };
const STATUS_ID = "fldqxdYmcyYNL1PFz";
const JOBS_ID = "tblEjYfRwCztHOF5G";
const CREATED = "2026-03-01T10:00:00.000Z";
const FILE = { bytes: 2_000, contentType: "video/mp4" };

type Pairs = readonly (readonly [string, string])[];
interface Call {
  readonly query?: Pairs;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly now?: number;
}

function jobId(index: number): string {
  return `recJob${String(index).padStart(11, "0")}`;
}

/** A base with so many jobs, which fail and process by turns, and the segment recSegment0000001. */
function baseWith(jobs: number, options: Partial<BaseOptions> = {}) {
  const schema = parseSchema(schemaJson);
  const base = createBase({ schema, baseId: BASE, token: TOKEN, random: sequence(), limit: null, ...options });
  base.upsert("Segments", { id: "recSegment0000001", createdTime: CREATED, fields: { "SRT Text": "hello" } });
  for (let index = 0; index < jobs; index += 1) {
    const fields = { "Job ID": `job ${index}`, Status: index % 2 === 0 ? "processing" : "failed" };
    base.upsert("Jobs", { id: jobId(index), createdTime: CREATED, fields });
  }
  const ask = (method: string, path: string, { query = [], body, headers = AUTHORIZED, now = NOW }: Call = {}) => {
    const search = new URLSearchParams();
    for (const [key, value] of query) search.append(key, value);
    const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
    const reply = base.handle({ method, path: `/v0/${path}`, query: search, headers, body: text }, now);
    const answer: unknown = JSON.parse(reply.body);
    return { status: reply.status, headers: reply.headers, answer };
  };
  const list = (query: Pairs = [], now = NOW) => ask("GET", `${BASE}/Jobs`, { query, now });
  const patch = (table: string, records: unknown, more: object = {}) =>
    ask("PATCH", `${BASE}/${table}`, { body: { records, ...more } });
  const write = (table: string, id: string, fields: Readonly<Record<string, unknown>>) =>
    patch(table, [{ id, fields }]);
  return { base, ask, list, patch, write };
}

/** Numbers from 0 to below 1 that differ. */
function sequence(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function refusal(type: string, message: unknown = expect.any(String)) {
  return { status: 422, answer: { error: { type, message } } };
}

function idsIn(answer: unknown): readonly string[] {
  return isObject(answer) && Array.isArray(answer.records) ? answer.records.map(({ id }) => String(id)) : [];
}

function offsetIn(answer: unknown): string {
  if (isObject(answer) && typeof answer.offset === "string") return answer.offset;
  throw new Error("the answer has no offset");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

describe("who asks for what", () => {
  it.each([{}, { authorization: "Bearer patOther" }])("a request with the headers %j is not let in", (headers) => {
    const { status, answer } = baseWith(1).ask("GET", `${BASE}/Jobs`, { headers });
    const error = { type: "AUTHENTICATION_REQUIRED", message: "Authentication required" };
    expect([status, answer]).toEqual([401, { error }]);
  });

  it.each(["appOther/Jobs", `${BASE}/Nothing`, `${BASE}`, "meta/bases/appOther/tables"])(
    "%s is forbidden, like a missing scope",
    (path) => {
      const { status, answer } = baseWith(1).ask("GET", path);
      expect(status).toBe(403);
      expect(answer).toMatchObject({ error: { type: "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND" } });
    },
  );

  it.each([
    ["POST", `${BASE}/Jobs`],
    ["DELETE", `${BASE}/Jobs/${jobId(0)}`],
    ["PUT", `${BASE}/Jobs`],
    ["GET", `${BASE}/Jobs/${jobId(0)}/comments`],
    ["GET", `${BASE}/%E0%A4%A`],
  ])("%s %s is not found", (method, path) => {
    const { base, ask } = baseWith(1);
    const before = base.snapshot();
    expect(ask(method, path, { body: { records: [] } })).toMatchObject({ status: 404, answer: { error: "NOT_FOUND" } });
    expect(base.snapshot()).toEqual(before);
  });

  it("every answer is JSON and carries the base's time", () => {
    const { list, ask } = baseWith(1);
    const headers = { "content-type": "application/json; charset=utf-8", date: "Sun, 01 Mar 2026 12:00:00 GMT" };
    expect([list().headers, ask("GET", "nowhere").headers]).toEqual([headers, headers]);
  });

  it("an URL above 16,000 characters as clients encode it is refused, and the same as a body is answered", () => {
    const { list, ask } = baseWith(2);
    const filterByFormula = `OR(${Array.from({ length: 800 }, (_, n) => `RECORD_ID()='${jobId(n)}'`).join(",")})`;
    expect(list([["filterByFormula", filterByFormula]]).status).toBe(414);
    const { status, answer } = ask("POST", `${BASE}/Jobs/listRecords`, { body: { filterByFormula } });
    expect([status, idsIn(answer)]).toEqual([200, [jobId(0), jobId(1)]]);
    expect(list([["filterByFormula", `FIND("${"(')".repeat(2_500)}",{Notes})`]]).status).toBe(200);
  });

  it("the schema is answered whole", () => {
    expect(baseWith(0).ask("GET", `meta/bases/${BASE}/tables`)).toMatchObject({ status: 200, answer: schemaJson });
  });

  it("the token's owner is named, with the scopes where Airtable names those of the token", () => {
    const whoami = (access: Partial<Access>) =>
      baseWith(0, { access: { ...FULL_ACCESS, ...access } }).ask("GET", "meta/whoami").answer;
    expect(whoami({ scopes: ["data.records:read"] })).toEqual({
      id: expect.stringMatching(/^usr/),
      scopes: ["data.records:read"],
    });
    expect(whoami({ revealsScopes: false })).toEqual({ id: expect.stringMatching(/^usr/) });
  });

  it("the bases are named with the permission of the token's owner", () => {
    const { answer } = baseWith(0).ask("GET", "meta/bases");
    expect(answer).toEqual({ bases: [{ id: BASE, name: expect.any(String), permissionLevel: "create" }] });
  });

  it.each([
    ["schema.bases:read", "GET", `meta/bases/${BASE}/tables`],
    ["schema.bases:read", "GET", "meta/bases"],
    ["data.records:read", "GET", `${BASE}/Jobs`],
    ["data.records:write", "PATCH", `${BASE}/Jobs`],
  ] as const)("a token without the scope %s is refused %s %s", (scope, method, path) => {
    const scopes = FULL_ACCESS.scopes.filter((each) => each !== scope);
    const body = { records: [{ id: jobId(0), fields: {} }] };
    const { ask } = baseWith(1, { access: { ...FULL_ACCESS, scopes } });
    expect(ask(method, path, method === "PATCH" ? { body } : {}).status).toBe(403);
    expect(baseWith(1).ask(method, path, method === "PATCH" ? { body } : {}).status).toBe(200);
  });
});

describe("the rate limit", () => {
  const statuses = (moments: readonly number[]) => {
    const { base, list } = baseWith(1, { limit: { perSecond: 5, penaltyMs: 30_000 } });
    return { base, statuses: moments.map((at) => list([], NOW + at).status), list };
  };

  it("lets 5 requests through in any second", () => {
    expect(statuses([0, 200, 400, 600, 800, 1_000, 1_200]).statuses).not.toContain(429);
  });

  it("counts a request for a whole second", () => {
    expect(statuses([0, 0, 0, 0, 0, 999]).statuses.at(-1)).toBe(429);
    expect(statuses([0, 0, 0, 0, 0, 1_000]).statuses.at(-1)).toBe(200);
  });

  it("slides: 5 requests on both sides of a full second are too many", () => {
    expect(statuses([900, 950, 990, 1_000, 1_100, 1_150]).statuses).toEqual([200, 200, 200, 200, 200, 429]);
  });

  it("then refuses all for 30 seconds, which refusals do not prolong, and counts them", () => {
    const { base, statuses: seen } = statuses([0, 0, 0, 0, 0, 0, 15_000, 29_999, 30_000]);
    expect(seen).toEqual([200, 200, 200, 200, 200, 429, 429, 429, 200]);
    expect(base.requestCount()).toBe(9);
  });

  it("answers with Airtable's message", () => {
    const { list } = statuses([0, 0, 0, 0, 0]);
    const error = { error: "RATE_LIMIT_REACHED", message: "Rate limit exceeded. Please try again later" };
    expect(list().answer).toEqual({ errors: [error] });
  });

  it("is Airtable's own by default", () => {
    const schema = parseSchema(schemaJson);
    const base = createBase({ schema, baseId: BASE, token: TOKEN, random: sequence() });
    const request = {
      method: "GET",
      path: `/v0/${BASE}/Jobs`,
      query: new URLSearchParams(),
      headers: AUTHORIZED,
      body: "",
    };
    expect(Array.from({ length: 6 }, () => base.handle(request, NOW).status)).toEqual([200, 200, 200, 200, 200, 429]);
  });
});

describe("a listing", () => {
  it("finds a table by its name or its id", () => {
    const { ask } = baseWith(2);
    expect(ask("GET", `${BASE}/${JOBS_ID}`).answer).toEqual(ask("GET", `${BASE}/%4Aobs`).answer);
  });

  it("holds 100 records a page, and its offset names the next record", () => {
    const { list } = baseWith(250);
    const first = list().answer;
    expect(idsIn(first)).toEqual(Array.from({ length: 100 }, (_, index) => jobId(index)));
    expect(offsetIn(first)).toMatch(new RegExp(`^itr[A-Za-z0-9]{14}/${jobId(100)}$`));
    const second = list([["offset", offsetIn(first)]]).answer;
    const third = list([["offset", offsetIn(second)]]).answer;
    expect(idsIn(third)).toEqual(Array.from({ length: 50 }, (_, index) => jobId(200 + index)));
    expect(third).not.toHaveProperty("offset");
  });

  it("answers a page again whose answer was lost, the last one too", () => {
    const { list } = baseWith(150);
    const query = [["offset", offsetIn(list().answer)]] as const;
    expect(list(query).answer).toEqual(list(query).answer);
  });

  it("keeps to what matched at its first page, shows the cells of now, and leaves out what was deleted", () => {
    const { base, list } = baseWith(5);
    const query = [
      ["pageSize", "2"],
      ["filterByFormula", "{Status}='processing'"],
    ] as const;
    const first = list(query).answer;
    expect(idsIn(first)).toEqual([jobId(0), jobId(2)]);
    base.edit("Jobs", jobId(1), { Status: "processing" });
    base.edit("Jobs", jobId(4), { Status: "completed" });
    const second = list([...query, ["offset", offsetIn(first)]]).answer;
    expect(second).toMatchObject({ records: [{ id: jobId(4), fields: { Status: "completed" } }] });
    base.remove("Jobs", jobId(4));
    expect(list([...query, ["offset", offsetIn(first)]]).answer).toEqual({ records: [] });
  });

  it("goes on for 5 minutes, and not past them", () => {
    const { list } = baseWith(150);
    const offset = offsetIn(list().answer);
    expect(list([["offset", offset]], NOW + 5 * MINUTE).status).toBe(200);
    expect(list([["offset", offset]], NOW + 5 * MINUTE + 1)).toMatchObject(
      refusal("LIST_RECORDS_ITERATOR_NOT_AVAILABLE"),
    );
  });

  it("starts over after its iterators were expired, and takes no offset but its own", () => {
    const { base, ask, list } = baseWith(150);
    const query = [["offset", offsetIn(list().answer)]] as const;
    const unavailable = refusal("LIST_RECORDS_ITERATOR_NOT_AVAILABLE");
    expect(ask("GET", `${BASE}/Segments`, { query })).toMatchObject(unavailable);
    expect(list([["offset", `${query[0][1].slice(0, 17)}/${jobId(7)}`]])).toMatchObject(unavailable);
    base.expireIterators();
    expect(list(query)).toMatchObject(unavailable);
  });

  it("ends at maxRecords, over all its pages", () => {
    const { list } = baseWith(10);
    const limits = [
      ["maxRecords", "3"],
      ["pageSize", "2"],
    ] as const;
    const first = list(limits).answer;
    const second = list([...limits, ["offset", offsetIn(first)]]).answer;
    expect([...idsIn(first), ...idsIn(second)]).toEqual([jobId(0), jobId(1), jobId(2)]);
    expect(second).not.toHaveProperty("offset");
  });

  it("shows the fields that were asked for, by name or id, under their names", () => {
    const { list, ask } = baseWith(1);
    const fields = [STATUS_ID, "Record ID"];
    const expected = {
      records: [{ id: jobId(0), createdTime: CREATED, fields: { Status: "processing", "Record ID": jobId(0) } }],
    };
    expect(list(fields.map((field) => ["fields[]", field])).answer).toEqual(expected);
    expect(ask("POST", `${BASE}/Jobs/listRecords`, { body: { fields } }).answer).toEqual(expected);
  });

  it("shows them under their ids where it is asked to", () => {
    const query = [
      ["fields[]", "Status"],
      ["returnFieldsByFieldId", "true"],
      ["cellFormat", "json"],
    ] as const;
    expect(baseWith(1).list(query).answer).toMatchObject({ records: [{ fields: { [STATUS_ID]: "processing" } }] });
  });

  it("leaves out blank cells", () => {
    const { base, list } = baseWith(1);
    base.edit("Jobs", jobId(0), { Notes: "", Segments: [], "Error Details": null, Status: "failed", "Job ID": null });
    expect(list().answer).toMatchObject({ records: [{ fields: { Status: "failed", "Record ID": jobId(0) } }] });
    expect(Object.keys(recordIn(list().answer))).toEqual(["Status", "Record ID"]);
  });

  it("sorts: selects in the order of their options, then by the next key, blanks first", () => {
    const { base, list } = baseWith(4);
    base.edit("Jobs", jobId(1), { Status: null });
    const query = [
      ["sort[0][field]", "Status"],
      ["sort[1][field]", "Job ID"],
      ["sort[1][direction]", "desc"],
    ] as const;
    expect(idsIn(list(query).answer)).toEqual([jobId(1), jobId(2), jobId(0), jobId(3)]);
    const descending = list([["sort[0][direction]", "desc"], ...query]).answer;
    expect(idsIn(descending)).toEqual([jobId(3), jobId(2), jobId(0), jobId(1)]);
  });

  it("matches formulas on cells, ids and times; attachments stand for their file names", () => {
    const { base, ask, list } = baseWith(3);
    const found = (formula: string) => idsIn(list([["filterByFormula", formula]]).answer);
    expect(found(`OR({Record ID}='${jobId(1)}',RECORD_ID()='${jobId(2)}')`)).toEqual([jobId(1), jobId(2)]);
    expect(found("IS_BEFORE(CREATED_TIME(),'2026-03-01T10:00:00.000Z')")).toEqual([]);
    base.edit("Segments", "recSegment0000001", {
      Voiceover: [{ id: "att1", url: "https://a.example/x", filename: "one.mp3" }],
    });
    const query = [["filterByFormula", "{Voiceover}&''='one.mp3'"]] as const;
    expect(idsIn(ask("GET", `${BASE}/Segments`, { query }).answer)).toEqual(["recSegment0000001"]);
  });

  it("refuses a formula that is wrong, with the reason", () => {
    const { list } = baseWith(1);
    const invalid = (message: RegExp) => refusal("INVALID_FILTER_BY_FORMULA", expect.stringMatching(message));
    expect(list([["filterByFormula", "{Stat}='x'"]])).toMatchObject(invalid(/Unknown field names: stat/));
    expect(list([["filterByFormula", "AND("]])).toMatchObject(invalid(/./));
  });

  it.each<readonly [string, string]>([
    ["pageSize", "0"],
    ["pageSize", "101"],
    ["pageSize", ""],
    ["pageSize", "1e1"],
    ["maxRecords", "0"],
    ["cellFormat", "string"],
    ["returnFieldsByFieldId", "yes"],
    ["sort[0][direction]", "asc"],
    ["sort[1][field]", "Status"],
    ["sort[0][order]", "asc"],
    ["view", "Grid"],
    ["fields", "Status"],
  ])("refuses %s=%s", (key, value) => {
    expect(baseWith(1).list([[key, value]])).toMatchObject(refusal("INVALID_REQUEST_UNKNOWN"));
  });

  it.each<unknown>([{ view: "Grid" }, { pageSize: "10" }, [], "{"])("refuses the body %j", (body) => {
    const reply = baseWith(1).ask("POST", `${BASE}/Jobs/listRecords`, { body });
    expect(reply).toMatchObject(refusal("INVALID_REQUEST_UNKNOWN"));
  });

  it("refuses fields that the table does not have", () => {
    const unknown = refusal("UNKNOWN_FIELD_NAME", 'Unknown field name: "Stat"');
    expect(baseWith(1).list([["fields[]", "Stat"]])).toMatchObject(unknown);
    expect(baseWith(1).list([["sort[0][field]", "Stat"]])).toMatchObject(unknown);
  });
});

describe("reading one record", () => {
  it("finds it whichever table the path names", () => {
    const { ask } = baseWith(1);
    const { status, answer } = ask("GET", `${BASE}/Jobs/recSegment0000001`);
    expect([status, answer]).toEqual([
      200,
      {
        id: "recSegment0000001",
        createdTime: CREATED,
        fields: { "SRT Text": "hello", "Record ID": "recSegment0000001" },
      },
    ]);
  });

  it("answers 404 when there is none", () => {
    expect(baseWith(1).ask("GET", `${BASE}/Jobs/recNone0000000001`).status).toBe(404);
  });
});

describe("a write", () => {
  it("is answered with the records as they are then, and takes ids for names", () => {
    const { base, patch } = baseWith(2);
    const { status, answer } = patch("Jobs", [
      { id: jobId(1), fields: { [STATUS_ID]: "completed", Notes: "seen" } },
      { id: jobId(0), fields: { "Job ID": null } },
    ]);
    expect(status).toBe(200);
    expect(answer).toEqual({
      records: [
        {
          id: jobId(1),
          createdTime: CREATED,
          fields: { "Job ID": "job 1", Status: "completed", Notes: "seen", "Record ID": jobId(1) },
        },
        { id: jobId(0), createdTime: CREATED, fields: { Status: "processing", "Record ID": jobId(0) } },
      ],
    });
    expect(base.record(JOBS_ID, jobId(1))?.fields.Status).toBe("completed");
  });

  it("may be of a single record", () => {
    const { base, ask } = baseWith(1);
    const { status, answer } = ask("PATCH", `${BASE}/Jobs/${jobId(0)}`, {
      body: { fields: { Status: "failed" }, typecast: false },
    });
    expect([status, answer]).toMatchObject([200, { id: jobId(0), fields: { Status: "failed", "Job ID": "job 0" } }]);
    expect(base.record("Jobs", jobId(0))?.fields.Status).toBe("failed");
    expect(ask("PATCH", `${BASE}/Jobs/recSegment0000001`, { body: { fields: {} } }).status).toBe(404);
  });

  it("leaves everything alone when one of its records is refused", () => {
    const { base, patch } = baseWith(1);
    const before = base.snapshot();
    const upload = { id: "recSegment0000001", fields: { Voiceover: [{ url: "https://a.example/x.mp3" }] } };
    const reply = patch("Segments", [upload, { id: "recNone0000000001", fields: {} }]);
    expect(reply).toMatchObject(refusal("ROW_DOES_NOT_EXIST", "Record ID recNone0000000001 does not exist"));
    expect(base.snapshot()).toEqual(before);
    expect(base.pendingAttachments()).toEqual([]);
  });

  it("reaches the records of its own table only", () => {
    expect(baseWith(1).write("Jobs", "recSegment0000001", {})).toMatchObject(refusal("ROW_DOES_NOT_EXIST"));
  });

  it("takes 10 records, each once", () => {
    const { patch } = baseWith(11);
    const of = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ id: jobId(index), fields: { Notes: "n" } }));
    expect(patch("Jobs", of(10)).status).toBe(200);
    expect(patch("Jobs", of(11))).toMatchObject(
      refusal("INVALID_REQUEST_UNKNOWN", expect.stringMatching(/^A maximum of 10 records/)),
    );
    expect(patch("Jobs", [...of(2), ...of(1)])).toMatchObject(refusal("INVALID_REQUEST_UNKNOWN"));
    expect(patch("Jobs", [])).toMatchObject(refusal("INVALID_REQUEST_UNKNOWN"));
  });

  it("may say that it wants no typecast, and nothing else of it", () => {
    const { base, patch } = baseWith(1);
    const records = [{ id: jobId(0), fields: { Status: "completed" } }];
    for (const typecast of [true, "false", null]) {
      const refused = refusal("INVALID_REQUEST_UNKNOWN", expect.stringContaining("the sandbox refuses typecast"));
      expect(patch("Jobs", records, { typecast })).toMatchObject(refused);
    }
    expect(base.record("Jobs", jobId(0))?.fields.Status).toBe("processing");
    expect(patch("Jobs", records, { typecast: false }).status).toBe(200);
  });

  it("is refused with anything that the sandbox does not know", () => {
    const { ask, patch } = baseWith(1);
    const unknown = refusal("INVALID_REQUEST_UNKNOWN");
    expect(patch("Jobs", [], { performUpsert: {} })).toMatchObject(unknown);
    expect(ask("PATCH", `${BASE}/Jobs`, { query: [["typecast", "true"]], body: { records: [] } })).toMatchObject(
      unknown,
    );
  });
});

describe("a cell", () => {
  const cannotAccept = (name: string) =>
    refusal("INVALID_VALUE_FOR_COLUMN", `Field "${name}" cannot accept the provided value`);

  it.each<readonly [table: string, field: string, value: unknown]>([
    ["Jobs", "Notes", "x".repeat(100_000)],
    ["Jobs", "Webhook URL", "https://a.example/"],
    ["Jobs", "Type", "combine"],
    ["Jobs", "Segments", ["recSegment0000001"]],
    ["Segments", "Start Time", 1.5],
    ["Segments", "B-Roll", true],
  ])("%s.%s takes what its type is", (table, field, value) => {
    const { base, write } = baseWith(1);
    const id = table === "Jobs" ? jobId(0) : "recSegment0000001";
    expect(write(table, id, { [field]: value }).status).toBe(200);
    expect(base.record(table, id)?.fields[field]).toEqual(value);
  });

  it.each<readonly [table: string, field: string, value: unknown]>([
    ["Jobs", "Notes", "x".repeat(100_001)],
    ["Jobs", "Notes", 7],
    ["Jobs", "Notes", false],
    ["Jobs", "Webhook URL", {}],
    ["Jobs", "Type", ["combine"]],
    ["Jobs", "Segments", "recSegment0000001"],
    ["Jobs", "Segments", [7]],
    ["Segments", "Start Time", "1.5"],
    ["Segments", "Start Time", ""],
    ["Segments", "B-Roll", "true"],
    ["Segments", "Voiceover", "https://a.example/x.mp3"],
    ["Segments", "Voiceover", ["https://a.example/x.mp3"]],
    ["Segments", "Voiceover", [{ url: "https://a.example/x.mp3", filename: 7 }]],
  ])("%s.%s does not take %.40j", (table, field, value) => {
    const id = table === "Jobs" ? jobId(0) : "recSegment0000001";
    expect(baseWith(1).write(table, id, { [field]: value })).toMatchObject(cannotAccept(field));
  });

  it.each<readonly [table: string, field: string, full: Json, blank: Json]>([
    ["Jobs", "Notes", "text", ""],
    ["Jobs", "Notes", "text", null],
    ["Jobs", "Status", "failed", null],
    ["Jobs", "Segments", ["recSegment0000001"], []],
    ["Segments", "B-Roll", true, false],
    ["Segments", "Start Time", 1.5, null],
    ["Segments", "Voiceover", [{ id: "att1", url: "https://a.example/x", filename: "x" }], []],
  ])("%s.%s is blanked: %j by %j", (table, field, full, blank) => {
    const { base, write } = baseWith(1);
    const id = table === "Jobs" ? jobId(0) : "recSegment0000001";
    base.edit(table, id, { [field]: full });
    expect(write(table, id, { [field]: blank }).status).toBe(200);
    expect(base.record(table, id)?.fields).not.toHaveProperty([field]);
  });

  it.each(["recovered", "", "Failed"])("a select invents no option %j", (value) => {
    const message = `Insufficient permissions to create new select option ""${value}""`;
    const reply = baseWith(1).write("Jobs", jobId(0), { Status: value });
    expect(reply).toMatchObject(refusal("INVALID_MULTIPLE_CHOICE_OPTIONS", message));
  });

  it("links to records of its own linked table only", () => {
    const reply = baseWith(1).write("Jobs", jobId(0), { Segments: ["recSegment0000001", jobId(0)] });
    expect(reply).toMatchObject(refusal("ROW_DOES_NOT_EXIST", `Record ID ${jobId(0)} does not exist`));
  });

  it.each([
    ["Jobs", "Record ID"],
    ["Jobs", "Status (from Segments)"],
    ["Segments", "Segment ID"],
    ["Videos", "# Segments"],
  ])("%s.%s is computed, and cannot even be blanked", (table, field) => {
    const { base, write } = baseWith(0);
    base.upsert(table, { id: "recAny00000000001", createdTime: CREATED, fields: {} });
    const message = `Field "${field}" cannot accept a value because the field is computed`;
    expect(write(table, "recAny00000000001", { [field]: "x" })).toMatchObject(
      refusal("INVALID_VALUE_FOR_COLUMN", message),
    );
    expect(write(table, "recAny00000000001", { [field]: null }).status).toBe(422);
  });

  describe("of a base with other field types", () => {
    const choices = [{ name: "processing" }, { name: "completed" }];
    const fields = [
      { id: "fldName0000000001", name: "Name", type: "singleLineText" },
      { id: "fldCode0000000001", name: "Code", type: "barcode" },
      { id: "fldAi000000000001", name: "Answer", type: "aiText" },
      { id: "fldTags0000000001", name: "Tags", type: "multipleSelects", options: { choices } },
      { id: "fldState000000001", name: "State", type: "formula" },
      { id: "fldDue00000000001", name: "Due", type: "dateTime" },
      { id: "fldMade0000000001", name: "Made", type: "createdTime" },
      { id: "fldEdit0000000001", name: "Edited", type: "lastModifiedTime" },
      {
        id: "fldTagged00000001",
        name: "Tagged",
        type: "lastModifiedTime",
        options: { referencedFieldIds: ["fldTags0000000001"] },
      },
    ];
    const table = { id: "tblThings00000001", name: "Things", primaryFieldId: "fldName0000000001", fields };
    const ID = "recThing000000001";
    const things = (cells: Readonly<Record<string, Json>> = {}) => {
      const world = baseWith(0, { schema: parseSchema({ tables: [...schemaJson.tables, table] }) });
      world.base.upsert("Things", { id: ID, createdTime: CREATED, fields: cells });
      return world;
    };
    const shown = ({ answer }: { readonly answer: unknown }) =>
      isObject(answer) && Array.isArray(answer.records) ? answer.records[0]?.fields : undefined;

    it.each<readonly [field: string, value: unknown]>([
      ["Code", { text: "abc", type: "code39" }],
      ["Tags", ["completed", "processing"]],
      ["Due", "2026-03-01T12:00:00.000Z"],
    ])("%s takes %j", (field, value) => {
      const { base, write } = things();
      expect(write("Things", ID, { [field]: value }).status).toBe(200);
      expect(base.record("Things", ID)?.fields[field]).toEqual(value);
    });

    it.each<readonly [field: string, value: unknown]>([
      ["Code", "abc"],
      ["Code", { type: "code39" }],
      ["Tags", "completed"],
      ["Tags", [7]],
      ["Due", "soon"],
    ])("%s does not take %j", (field, value) => {
      expect(things().write("Things", ID, { [field]: value })).toMatchObject(cannotAccept(field));
    });

    it("a multiple select invents no option", () => {
      const message = 'Insufficient permissions to create new select option ""done""';
      const reply = things().write("Things", ID, { Tags: ["completed", "done"] });
      expect(reply).toMatchObject(refusal("INVALID_MULTIPLE_CHOICE_OPTIONS", message));
    });

    it.each(["Answer", "State", "Made", "Edited"])("%s is computed, and refuses every value", (field) => {
      const message = `Field "${field}" cannot accept a value because the field is computed`;
      const reply = things().write("Things", ID, { [field]: "x" });
      expect(reply).toMatchObject(refusal("INVALID_VALUE_FOR_COLUMN", message));
    });

    it("a last-modified time is that of the last write to a field that it watches", () => {
      const { write } = things();
      expect(shown(write("Things", ID, { Name: "a" }))).toEqual({
        Name: "a",
        Made: CREATED,
        Edited: new Date(NOW).toISOString(),
        Tagged: CREATED,
      });
      expect(shown(write("Things", ID, { Tags: ["completed"] }))).toMatchObject({
        Tagged: new Date(NOW).toISOString(),
      });
    });

    it.each([
      ["{Code}='abc'", { Code: { text: "abc" } }],
      ["{Answer}='abc'", { Answer: { state: "generated", value: "abc", isStale: false } }],
      ["{Tags}='completed, processing'", { Tags: ["completed", "processing"] }],
      ["{State}='processing'", { State: "processing" }],
    ])("the formula %s sees the text of %j", (formula, cells) => {
      const { ask } = things(cells);
      const reply = ask("GET", `${BASE}/Things`, { query: [["filterByFormula", formula]] });
      expect(idsIn(reply.answer)).toEqual([ID]);
    });
  });

  it("of an unknown field is refused", () => {
    const reply = baseWith(1).write("Jobs", jobId(0), { Statuss: "failed" });
    expect(reply).toMatchObject(refusal("UNKNOWN_FIELD_NAME", 'Unknown field name: "Statuss"'));
  });

  it("is not checked when a person edits it", () => {
    const { base } = baseWith(1);
    base.edit("Jobs", jobId(0), { Status: "a new option" });
    expect(base.record("Jobs", jobId(0))?.fields.Status).toBe("a new option");
  });
});

describe("an attachment", () => {
  const URL_OF = "https://bucket.example/outputs/my%20clip.mp4?x=1";
  const segment = (attachments: unknown) => {
    const all = baseWith(0);
    const write = (value: unknown) => all.write("Segments", "recSegment0000001", { Voiceover: value });
    const cell = () => all.base.record("Segments", "recSegment0000001")?.fields.Voiceover;
    const reply = write(attachments);
    return { ...all, write, cell, reply, pending: () => all.base.pendingAttachments() };
  };

  it("has neither size nor type until it is fetched", () => {
    const { reply, pending } = segment([{ url: URL_OF }]);
    const attachmentId = pending()[0]?.attachmentId;
    expect(attachmentId).toMatch(/^att[A-Za-z0-9]{14}$/);
    expect(pending()).toEqual([
      { table: "Segments", id: "recSegment0000001", field: "Voiceover", attachmentId, url: URL_OF },
    ]);
    expect(recordIn(reply.answer)).toEqual({
      "SRT Text": "hello",
      "Record ID": "recSegment0000001",
      Voiceover: [{ id: attachmentId, url: URL_OF, filename: "my clip.mp4" }],
    });
  });

  it("gets an URL of Airtable's, a size and a type when it is", () => {
    const { base, cell, pending } = segment([{ url: URL_OF, filename: "named.mp4" }]);
    const id = pending()[0]?.attachmentId ?? "";
    base.completeAttachment(id, FILE);
    const url = expect.stringMatching(/^https:\/\/v5\.airtableusercontent\.com\/.+\/named\.mp4$/);
    expect(cell()).toEqual([{ id, url, filename: "named.mp4", size: 2_000, type: "video/mp4" }]);
    expect(pending()).toEqual([]);
  });

  it("vanishes silently when it cannot be fetched, and leaves the others", () => {
    const { base, cell, pending } = segment([{ url: "https://a.example/1.mp4" }, { url: "https://a.example/2.mp4" }]);
    const [first, second] = pending().map(({ attachmentId }) => attachmentId);
    base.completeAttachment(first ?? "", null);
    expect(cell()).toMatchObject([{ id: second }]);
    base.completeAttachment(second ?? "", null);
    expect(base.record("Segments", "recSegment0000001")?.fields).toEqual({ "SRT Text": "hello" });
  });

  it("is kept by its id when the list is replaced, and only by the cell that holds it", () => {
    const { base, cell, pending, write } = segment([{ url: "https://a.example/1.mp4" }]);
    const id = pending()[0]?.attachmentId ?? "";
    base.completeAttachment(id, FILE);
    expect(write([{ id }, { url: "https://a.example/2.mp4" }]).status).toBe(200);
    expect(cell()).toMatchObject([{ id, size: 2_000 }, { filename: "2.mp4" }]);
    const elsewhere = base.handle(
      {
        method: "PATCH",
        path: `/v0/${BASE}/Segments/recSegment0000001`,
        query: new URLSearchParams(),
        headers: AUTHORIZED,
        body: JSON.stringify({ fields: { Image: [{ id }] } }),
      },
      NOW,
    );
    expect(elsewhere.status).toBe(422);
  });

  it("that a later write took out does not come back when it is fetched", () => {
    const { base, cell, pending, write } = segment([{ url: "https://a.example/1.mp4" }]);
    const id = pending()[0]?.attachmentId ?? "";
    write([{ url: "https://a.example/2.mp4" }]);
    base.completeAttachment(id, FILE);
    expect(cell()).toEqual([expect.objectContaining({ filename: "2.mp4" })]);
    base.remove("Segments", "recSegment0000001");
    base.completeAttachment(pending()[0]?.attachmentId ?? "", FILE);
    expect(pending()).toEqual([]);
  });

  it.each([{}, { id: "attUnknown" }, { url: "ftp://a.example/x" }, { url: "https://" }])(
    "is refused as %j",
    (entry) => {
      expect(segment([entry]).reply).toMatchObject(refusal("INVALID_ATTACHMENT_OBJECT"));
    },
  );

  it("keeps a file name that cannot be decoded as it is", () => {
    expect(segment([{ url: "https://a.example/100%.mp4" }]).cell()).toMatchObject([{ filename: "100%.mp4" }]);
  });
});

describe("a snapshot", () => {
  it("brings everything back through JSON, files that are yet to be fetched included", () => {
    const { base, write } = baseWith(2);
    write("Segments", "recSegment0000001", { Voiceover: [{ url: "https://a.example/1.mp4" }] });
    const text = JSON.stringify(base.snapshot());
    const other = baseWith(9);
    other.base.restore(snapshotSchema.parse(JSON.parse(text)));
    expect(JSON.stringify(other.base.snapshot())).toBe(text);
    other.base.completeAttachment(other.base.pendingAttachments()[0]?.attachmentId ?? "", FILE);
    expect(other.base.record("Segments", "recSegment0000001")?.fields.Voiceover).toMatchObject([{ size: 2_000 }]);
    expect(other.base.records("Jobs")).toHaveLength(2);
  });

  it("is not changed by what happens later, and ends the listings that are under way", () => {
    const { base, list } = baseWith(150);
    const before = base.snapshot();
    const query = [["offset", offsetIn(list().answer)]] as const;
    base.edit("Jobs", jobId(0), { Status: "completed" });
    base.restore(before);
    expect(base.record("Jobs", jobId(0))?.fields.Status).toBe("processing");
    expect(list(query)).toMatchObject(refusal("LIST_RECORDS_ITERATOR_NOT_AVAILABLE"));
  });
});

function recordIn(answer: unknown): Readonly<Record<string, unknown>> {
  const [first] = isObject(answer) && Array.isArray(answer.records) ? answer.records : [];
  if (isObject(first) && isObject(first.fields)) return first.fields;
  throw new Error("the answer has no record");
}
