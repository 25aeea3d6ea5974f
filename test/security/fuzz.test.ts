import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRedactor } from "../../src/cli/terminal/redact.ts";
import { makePrintable } from "../../src/cli/terminal/safe-output.ts";
import { parseDuration } from "../../src/config/duration.ts";
import { checkConfig } from "../../src/config/schema/issues.ts";
import { fileNameOf } from "../../src/core/domain/evidence.ts";
import {
  appendLine,
  foldLines,
  parseNotedFiles,
  parseRefusals,
  refusedLine,
  resentLine,
  wasResent,
} from "../../src/core/domain/notes.ts";
import { outputNames } from "../../src/core/domain/output-names.ts";
import { parsePayload } from "../../src/core/domain/payload.ts";
import { parseReportedResult, recordedOutputs } from "../../src/core/domain/response-payload.ts";
import { parseDatabaseUrl } from "../../src/database/database-url.ts";
import { parseJson } from "../../src/http/json.ts";
import { parseLine } from "../../src/journal/read.ts";
import { redactSecrets } from "../../src/journal/redact-secrets.ts";
import { toErrorText } from "../../src/providers/error-text.ts";
import { resolvePointer } from "../../src/providers/json-pointer.ts";
import { classify } from "../../src/storage/classify-response.ts";
import { parseError, parseListing } from "../../src/storage/s3-xml.ts";
import { classifyError } from "../../src/stores/airtable/api-errors.ts";
import { holdsRecords } from "../../src/stores/airtable/api-records.ts";
import { isReadable, parseJob, parseTarget } from "../../src/stores/airtable/parse-records.ts";
import { COMBINE, job, NOW } from "../support/builders.ts";

/** `npm run fuzz` makes more of them. A failure prints the seed and the smallest input: add that as a test of its own. */
const numRuns = Number(process.env.STUCK_JOBS_FUZZ_RUNS ?? 300);

const BY = { runId: "00000000-0000-4000-8000-000000000000", version: "1.2.3" };

/** Texts as attackers and broken programs write them: pieces of what the parsers look for, in any order. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc
    .array(
      fc.constantFrom(
        ..."{}[]()'\"\\,:\n\r\t \0<>&;=%/.#",
        ...[
          "None",
          "True",
          "nan",
          "1e999",
          "0x1f",
          "-",
          "\\u0000",
          "\\x4",
          "b'",
          "http://",
          "https://x.example/a?key=secret-1",
        ],
        ...[
          "<Key>",
          "</Key>",
          "<ListBucketResult>",
          "<!ENTITY a 'b'>",
          "<![CDATA[",
          "&#x0;",
          "__proto__",
          "constructor",
        ],
        ...[
          "Completed via polling at ",
          "Write refused via polling at ",
          " [stuck-jobs 1, run r]",
          "; refused: ",
          " bytes",
        ],
        ...[
          "\ud800",
          "\u202e",
          "\u001b]8;;",
          "::error::",
          "<3>",
          "rec00000000000001",
          "2026-01-01T00:00:00Z",
          "segment_id",
        ],
      ),
      { maxLength: 60 },
    )
    .map((parts) => parts.join("")),
);

const depth = fc.integer({ min: 1, max: 20_000 });

const flatJson = fc.oneof(
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 5, stringUnit: "binary" }) },
  {
    weight: 1,
    arbitrary: fc.dictionary(
      fc.constantFrom("status", "data", "response", "code", "output_url", "__proto__", "message", "error", "errors"),
      fc.oneof(text, fc.integer(), fc.constant(null), fc.array(text, { maxLength: 3 })),
    ),
  },
);

/** JSON as a server may answer it: any depth, any keys. */
const json = fc.oneof(
  { weight: 5, arbitrary: flatJson },
  {
    weight: 1,
    arbitrary: depth.map((levels): unknown => {
      let value: unknown = "x";
      for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { response: value };
      return value;
    }),
  },
);

/** The same as a text, which may be no JSON at all. */
const jsonText = fc.oneof(
  text,
  flatJson.map((value) => JSON.stringify(value)),
  depth.map((levels) => `${'[{"response":'.repeat(levels)}1${"}]".repeat(levels)}`),
);

const record = fc.record({
  id: fc.oneof(fc.constant("rec00000000000001"), text),
  createdTime: fc.oneof(fc.constant("2026-01-01T00:00:00.000Z"), text),
  fields: fc.dictionary(
    fc.constantFrom("Status", "Type", "Id", "Payload", "Hook", "Notes", "Link", "File", "Made"),
    json,
  ),
});

const NAMES = {
  status: "Status",
  type: "Type",
  externalId: "Id",
  ownId: "Id",
  requestPayload: "Payload",
  responsePayload: "Payload",
  webhookUrl: "Hook",
  error: "Notes",
  notes: "Notes",
  startedAt: "Made",
  links: new Map([["Link", "Link"]]),
  furtherFields: new Map([["Name", "Type"]]),
};

function holds(property: fc.IRawProperty<unknown>): void {
  fc.assert(property, { numRuns });
}

describe("whatever a base, a server or a person writes", () => {
  it("is read as a payload, or is unreadable with a reason", () => {
    holds(
      fc.property(text, (given) => {
        const { kind } = parsePayload(given);
        expect(["read", "unreadable", "empty"]).toContain(kind);
        parseReportedResult(given);
        for (const url of recordedOutputs(given)) expect(typeof url).toBe("string");
      }),
    );
  });

  it("is read as a job and a target, or the record is not readable", () => {
    holds(
      fc.property(record, (given) => {
        const parsed = parseJob(given, NAMES);
        expect([typeof parsed.status, typeof parsed.notes, Array.isArray(parsed.links.Link)]).toEqual([
          "string",
          "string",
          true,
        ]);
        const names = outputNames(COMBINE, parsed);
        if (names.kind === "named")
          for (const name of names.sets.flat()) expect(name).not.toMatch(/\.\.\/|\/\/|[\r\n?#%]/);
        const target = new Map([["File", "File"]]);
        if (isReadable(given)) JSON.stringify(parseTarget(given, { attachments: target, cells: target }));
      }),
    );
  });

  it("takes a line in the notes, which is found again and makes the cell no longer than it may be", () => {
    holds(
      fc.property(text, text, fc.array(text, { maxLength: 20 }), (notes, kind, more) => {
        const all = [notes, ...more].join("\n");
        const noted = appendLine(all, resentLine("x1", NOW, BY));
        expect(noted.length).toBeLessThanOrEqual(100_000);
        expect(wasResent(noted, "x1")).toBe(true);
        expect(wasResent(noted, "x2")).toBe(false);
        expect(foldLines(foldLines(noted))).toBe(foldLines(noted));
        parseNotedFiles(noted);
        const plain = kind.replaceAll(/[\s;[\]]/g, "");
        const refusals = parseRefusals(appendLine(all, refusedLine(plain, "HTTP 422", NOW, BY)));
        expect(refusals.at(-1)).toEqual({ kind: plain, error: "HTTP 422", at: NOW });
      }),
    );
  });

  it("is a line of the journal, or none", () => {
    const kinds = ["write", "webhook", "result", "refusal", "run", "verdict"];
    holds(
      fc.property(
        jsonText.map((value) =>
          value.startsWith("{") ? value : `{"schema":"stuck-jobs/journal@2","kind":"write","job":${value}}`,
        ),
        (given) => {
          parseLine(given, kinds);
          JSON.stringify(redactSecrets({ given }));
        },
      ),
    );
  });

  it("is an answer of Airtable: an error with a message that is cut, or records", () => {
    holds(
      fc.property(fc.integer({ min: 100, max: 599 }), json, (status, body) => {
        const object = typeof body === "object" && body !== null && !Array.isArray(body) ? { ...body } : null;
        const { message } = classifyError({ status, headers: {}, body: object });
        expect(message.length).toBeLessThanOrEqual(500);
        if (object !== null) holdsRecords(object);
      }),
    );
  });

  it("is an answer of a provider: JSON or none, with a reason for people", () => {
    holds(
      fc.property(jsonText, text, (given, pointer) => {
        const parsed = parseJson(given);
        if (parsed.kind !== "json") return;
        resolvePointer(parsed.value, `/${pointer}`);
        const reason = toErrorText(parsed.value);
        if (reason !== null) expect(reason.length).toBeLessThanOrEqual(2_000);
      }),
    );
  });

  it("is an answer of the storage", () => {
    const url = new URL("https://bucket.example/x1_output_0.mp4");
    holds(
      fc.property(
        text,
        fc.integer({ min: 100, max: 599 }),
        fc.dictionary(
          fc.constantFrom(
            "age",
            "content-length",
            "content-type",
            "etag",
            "last-modified",
            "x-cache",
            "cache-status",
            "location",
          ),
          text,
        ),
        (given, status, headers) => {
          parseListing(given);
          parseListing(`<?xml version="1.0"?><ListBucketResult>${given}</ListBucketResult>`);
          parseError(`<Error>${given}</Error>`);
          classify({ kind: "answer", status, headers }, url);
          fileNameOf(given);
        },
      ),
    );
  });

  it("shows no control character and no secret when it is printed", () => {
    const secret = "s3cr3t-Value+/=0123456789";
    const redactor = createRedactor();
    redactor.add(secret);
    const encodings = [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString("base64"),
      JSON.stringify(secret).slice(1, -1),
    ];
    holds(
      fc.property(text, fc.constantFrom(...encodings), text, (before, encoded, after) => {
        const printed = makePrintable(redactor.redact(`${before} ${encoded} ${after}`), false);
        expect(printed).not.toContain(encoded);
        expect(printed).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}]/u);
      }),
    );
  });

  it("is a configuration, or problems that name a path", () => {
    const key = fc.constantFrom(
      "preset",
      "airtable",
      "jobs",
      "fields",
      "operations",
      "combine",
      "outputs",
      "storage",
      "__proto__",
      "thresholds",
      "bases",
      "providers",
    );
    const config = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.integer(),
        fc.constant(null),
        fc.boolean(),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(fc.oneof(key, text), tie("value"), { maxKeys: 4 }),
      ),
    })).value;
    holds(
      fc.property(config, (given) => {
        const checked = checkConfig(given);
        if (checked.kind === "invalid") expect(checked.problems.length).toBeGreaterThan(0);
      }),
    );
  });

  it("is a duration or a database's address, or neither", () => {
    holds(
      fc.property(text, (given) => {
        const duration = parseDuration(given);
        expect(duration === null || duration >= 0).toBe(true);
        parseDatabaseUrl(given);
        parseDatabaseUrl(`postgres://${given}`);
      }),
    );
  });

  it("names nothing but files below the configured place", () => {
    holds(
      fc.property(text, (externalId) => {
        const names = outputNames(COMBINE, job({ externalId }));
        if (names.kind === "named")
          expect(names.sets.flat().every((name) => /^[A-Za-z0-9._-]+$/.test(name))).toBe(true);
      }),
    );
  });
});
