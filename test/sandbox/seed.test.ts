import { describe, expect, it } from "vitest";
import { readStorageKeys } from "../../src/config/env/storage-credentials.ts";
import { resolveSettings } from "../../src/config/resolve/resolve.ts";
import type { OutputProbe } from "../../src/core/ports/ports.ts";
import { sweep } from "../../src/core/sweep/sweep.ts";
import { parseSchema } from "../../src/sandbox/airtable/schema.ts";
import { type Bucket, createBucket } from "../../src/sandbox/fake-bucket.ts";
import schemaJson from "../../src/sandbox/seed/base-schema.json" with { type: "json" };
import stuckJson from "../../src/sandbox/seed/stuck.json" with { type: "json" };
import { type FieldsJson, type Seed, seed } from "../../src/sandbox/seed.ts";
import { classify, toProbeResult } from "../../src/storage/classify-response.ts";
import { parseJob, parseTarget } from "../../src/stores/airtable/parse-records.ts";
import { HOUR, MINUTE, NOW } from "../support/builders.ts";
import { FakeBase, runOf } from "../support/fakes.ts";

const DAY = 24 * HOUR;
const STORAGE_URL = "http://127.0.0.1:9000/phi-bucket";
const GONE = "recSegmentGone001";
const SEED = seed(NOW, STORAGE_URL);
const SCHEMA = parseSchema(schemaJson);

function records(table: string, of: Seed = SEED) {
  return of.tables[table] ?? [];
}

function all(of: Seed = SEED) {
  return Object.entries(of.tables).flatMap(([table, list]) => list.map((record) => ({ table, ...record })));
}

function find(id: string) {
  const record = all().find((each) => each.id === id);
  if (record === undefined) throw new Error(`the seed has no ${id}`);
  return record;
}

function fieldOf(table: string, name: string) {
  return SCHEMA.tables.find((each) => each.name === table)?.fields.find((each) => each.name === name);
}

/** What is wrong with a record's cells by the schema: fields, options, links. */
function faults(table: string, fields: FieldsJson): readonly string[] {
  return Object.entries(fields).flatMap(([name, cell]) => {
    const field = fieldOf(table, name);
    if (field === undefined) return [`${table} has no field ${name}`];
    const choices = field.options?.choices?.map((choice) => choice.name);
    if (choices !== undefined && !choices.some((choice) => choice === cell)) return [`${name} has no option ${cell}`];
    if (field.type !== "multipleRecordLinks") return [];
    const linked = SCHEMA.tables.find(({ id }) => id === field.options?.linkedTableId)?.name ?? "";
    const ids = Array.isArray(cell) ? cell : [cell];
    return ids.filter((id) => !records(linked).some((record) => record.id === id)).map((id) => `${name}: no ${id}`);
  });
}

describe("the seed's records", () => {
  it("have ids of Airtable's form, each its own", () => {
    const ids = all().map(({ id }) => id);
    expect(ids.filter((id) => !/^rec[A-Za-z0-9]{14}$/.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("hold only fields, options and links that the base has", () => {
    expect(all().flatMap(({ table, fields }) => faults(table, fields))).toEqual([]);
    const { webhook } = SEED;
    expect(faults("Jobs", webhook?.jobFields ?? {})).toEqual([]);
    expect(faults(webhook?.targetTable ?? "", webhook?.targetFields ?? {})).toEqual([]);
  });

  it("name, in payloads and webhook URLs of stuck jobs, records that exist, but for the one that was deleted", () => {
    const missing = stuckJson.jobs.flatMap(({ id }) => {
      const { fields } = find(id);
      const text = `${fields["Request Payload"]} ${fields["Webhook URL"]}`;
      return [...text.matchAll(/rec[A-Za-z0-9]{14}/g)].map(([named]) => named);
    });
    const known = new Set(all().map(({ id }) => id));
    expect([...new Set(missing.filter((id) => !known.has(id)))]).toEqual([GONE]);
  });

  it("carry their own id in the webhook URL", () => {
    for (const { id } of stuckJson.jobs) expect(find(id).fields["Webhook URL"]).toContain(`job_id=${id}`);
  });

  it("are as old as they are said to be, whenever the sandbox starts", () => {
    const ageOf = (id: string, of: Seed, now: number) =>
      now - Date.parse(records("Jobs", of).find((record) => record.id === id)?.createdTime ?? "");
    expect(ageOf("recCombineLink001", SEED, NOW)).toBe(11 * MINUTE);
    expect(ageOf("recConcatLost0001", SEED, NOW)).toBe(3 * HOUR + 10 * MINUTE);
    const later = NOW + 400 * DAY;
    expect(ageOf("recCombineLink001", seed(later, STORAGE_URL), later)).toBe(11 * MINUTE);
    expect(seed(NOW, STORAGE_URL)).toEqual(SEED);
  });
});

describe("the seed's history", () => {
  const stuckIds = new Set(stuckJson.jobs.map(({ id }) => id));
  const history = records("Jobs").filter(({ id }) => !stuckIds.has(id));

  it("is 35 finished jobs of the last 2 to 30 days", () => {
    expect(history).toHaveLength(35);
    for (const { createdTime, fields } of history) {
      expect(["completed", "failed", "webhook_error"]).toContain(fields.Status);
      const age = NOW - Date.parse(createdTime);
      expect(age).toBeGreaterThanOrEqual(2 * DAY);
      expect(age).toBeLessThanOrEqual(30 * DAY + MINUTE);
    }
  });

  it("names outputs that lie in the sandbox's bucket", () => {
    const keys = new Set(SEED.objects.map(({ key }) => key));
    const urls = history.flatMap(
      ({ fields }) => `${fields["Response Payload"]}`.match(/http[^'"]*phi-bucket[^'"]*/) ?? [],
    );
    expect(urls.length).toBeGreaterThan(5);
    for (const url of urls) {
      expect(url.startsWith(`${STORAGE_URL}/`)).toBe(true);
      expect(keys).toContain(url.slice(STORAGE_URL.length + 1));
    }
  });

  it("leaves nothing that points to the real bucket, or to a place not filled in", () => {
    const text = JSON.stringify(SEED);
    expect(text).not.toContain("digitaloceanspaces");
    expect(text).not.toContain("{storageUrl}");
  });
});

describe("the seed's bucket", () => {
  it("holds each key once, with a size and a date before now", () => {
    const keys = SEED.objects.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    for (const { object } of SEED.objects) {
      expect(object.contentType).toBe("binary/octet-stream");
      expect(object.lastModified).toBeLessThan(NOW);
    }
    expect(SEED.objects.filter(({ object }) => object.bytes === 0)).toHaveLength(1);
  });

  it("holds the very file that one target has already", () => {
    const target = parseTarget(
      { ...find("recSegment0000013"), createdTime: null },
      { attachments: new Map([["Voiceover + Video", "Voiceover + Video"]]), cells: new Map() },
    );
    const [file] = target.attachments["Voiceover + Video"] ?? [];
    expect(SEED.objects.find(({ key }) => key === file?.filename)?.object.bytes).toBe(file?.size);
  });
});

/** The sweep's probe over the sandbox's bucket, without the network between. */
function probeOf(bucket: Bucket): OutputProbe {
  return {
    isSameObject: (one, other) => one === other,
    isSameHost: (url) => url.startsWith(STORAGE_URL),
    urlFor: (fileName) => `${STORAGE_URL}/${fileName}`,
    async probe(url) {
      const path = new URL(url).pathname;
      const { status, headers } = bucket.handle(
        { method: "HEAD", path, query: new URLSearchParams(), headers: {}, body: "" },
        NOW,
      );
      const reading = classify({ kind: "answer", status, headers }, new URL(url));
      if (reading.kind !== "final") throw new Error(`HTTP ${status} from the sandbox's bucket`);
      return toProbeResult(url, reading.value);
    },
    signed: false,
    list: async () => ({ kind: "refused", detail: "HTTP 403" }),
    attachmentUrl: async (url) => url,
    checkMedia: async () => ({ kind: "unknown", detail: "the sandbox keeps no content" }),
    requests: () => bucket.requestCount(),
  };
}

function settings() {
  const environment = {
    token: "pat",
    baseId: "appSandbox0000000",
    databaseUrl: null,
    endpointUrl: null,
    requestsPerSecond: null,
    storageUrl: STORAGE_URL,
    storageKeys: readStorageKeys({}),
    pollingEnabled: true,
    maxAgeHours: null,
    intervalMinutes: 2,
    metricsFile: null,
    pingDialect: null,
    notifyEmail: null,
    ncaBaseUrl: null,
    goapiBaseUrl: null,
    secret: () => null,
    secretFile: () => null,
  };
  return resolveSettings({ path: null, content: {} }, environment, {});
}

function world(visibility: "open" | "restricted") {
  const { jobs, operations, thresholds, brake } = settings();
  const links = new Map(operations.flatMap(({ target }) => target.links.map((name) => [name, name] as const)));
  const base = new FakeBase(
    records("Jobs").map((record) => parseJob(record, { ...jobs.fields, links, furtherFields: new Map() })),
  );
  for (const { table, ...record } of all().filter(({ table }) => table !== "Jobs")) {
    const names = operations.map(({ attachment }) => attachment);
    const { attachments } = parseTarget(record, {
      attachments: new Map(names.map((name) => [name, name])),
      cells: new Map(),
    });
    base.target(table, record.id, Object.fromEntries(Object.keys(attachments).map((name) => [name, []])));
    for (const files of Object.values(attachments)) base.files(record.id, files);
  }
  const bucket = createBucket({ name: "phi-bucket", visibility });
  for (const { key, object } of SEED.objects) bucket.put(key, object);
  const policy = { ...runOf(base, probeOf(bucket)).policy, operations, thresholds };
  return { base, run: runOf(base, probeOf(bucket), { policy, brake }) };
}

/** Where nobody may list, missing objects answer as private ones do. */
function expected(listing: "open" | "restricted" = "open"): Record<string, string> {
  const inListing = (text: string) =>
    listing === "open" ? text : text.replace("output-pending", "output-not-visible");
  const shown = stuckJson.jobs.filter(({ expect }) => expect !== "-");
  return Object.fromEntries(shown.map((job) => [job.id, inListing(job.expect)]));
}

describe("a sweep over the seed", () => {
  it.each(["open", "restricted"] as const)(
    "comes to the verdicts that the seed promises, listing %s",
    async (listing) => {
      const { base, run } = world(listing);
      base.before = (request) => {
        const id = SEED.webhook?.jobId ?? "";
        if (request === "readJobs") base.edit(id, { status: `${SEED.webhook?.jobFields.Status}` });
      };
      const { report, fault } = await sweep(run);
      const verdicts = report.entries.map(({ id, verdict }) => [id, `${verdict.kind}/${verdict.reason}`]);
      expect(Object.fromEntries(verdicts)).toEqual(expected(listing));
      expect([fault, report.brake]).toEqual([null, null]);
      expect(
        report.entries.every(({ verdict, applied }) => applied === ["recover", "fail"].includes(verdict.kind)),
      ).toBe(true);
    },
  );

  it("shows each state once", () => {
    const states = stuckJson.jobs.map(({ state }) => state);
    expect(new Set(states).size).toBe(states.length);
    expect(new Set(Object.values(expected()))).toEqual(new Set(VERDICTS));
    expect(states).toEqual(STATES);
  });
});

const VERDICTS = [
  "recover/output-found",
  "recover/superseded",
  "fail/output-absent",
  "wait/output-pending",
  "skip/no-external-id",
  "skip/external-id-invalid",
  "skip/payload-unreadable",
  "skip/operation-unknown",
  "skip/target-missing",
  "skip/target-ambiguous",
  "skip/target-occupied",
  "skip/beyond-max-age",
  "skip/changed-meanwhile",
  "unknown/suspect-output",
];

const STATES = [
  "combine-by-link",
  "combine-by-payload",
  "concatenate",
  "concatenate-output-0",
  "add-music",
  "add-music-final",
  "image-zoom-by-webhook",
  "combine-lost",
  "concatenate-lost",
  "not-yet",
  "no-external-id",
  "external-id-invalid",
  "payload-unreadable",
  "operation-unknown",
  "target-missing",
  "target-ambiguous",
  "target-deleted",
  "target-occupied",
  "file-there",
  "too-young",
  "beyond-max-age-output",
  "beyond-max-age-lost",
  "superseded",
  "superseding",
  "suspect-output",
  "webhook-completes",
  "webhook-error",
];
