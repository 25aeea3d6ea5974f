import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/core/domain/json.ts";
import { type FinishedJob, indexOfWord, learnOutputs } from "../../src/init/learn-outputs.ts";
import { filesIn, parseFileUrl } from "../../src/init/named-files.ts";
import { commonPrefix, parseGivenStorage } from "../../src/init/storage-prefix.ts";

/** Finished jobs, each with its external id, its day, and the cells that name its file. */
function jobs(...all: readonly (readonly [externalId: string, day: string, fields: JsonObject])[]) {
  return all.map(
    ([externalId, day, fields], n): FinishedJob => ({
      id: `recJob0000000000${n}`,
      externalId,
      createdTime: `${day}T10:00:00.000Z`,
      fields,
      files: filesIn(fields, null),
    }),
  );
}

const learn = (finished: readonly FinishedJob[], under: string | null = null, dates: readonly string[] = []) =>
  learnOutputs(finished, under, dates);

describe("where outputs are and what they are called", () => {
  it("is the part of their URLs before the first that differs, and the rest", () => {
    const found = learn(
      jobs(
        ["aa-1", "2026-01-05", { URL: "https://acme.s3.amazonaws.com/out/renders/aa-1/final.mp4" }],
        ["bb-2", "2026-01-06", { URL: "https://acme.s3.amazonaws.com/out/renders/bb-2/final.mp4" }],
      ),
    );
    expect(found).toEqual({
      prefix: "https://acme.s3.amazonaws.com/out/renders",
      patterns: ["{externalId}/final.mp4"],
      startedAt: null,
      example: "https://acme.s3.amazonaws.com/out/renders/aa-1/final.mp4",
    });
  });

  it("is learned from a single job", () => {
    const found = learn(jobs(["aa-1", "2026-01-05", { URL: "https://acme.example.com/b/aa-1.mp4?sig=x" }]));
    expect(found).toMatchObject({ prefix: "https://acme.example.com/b", patterns: ["{externalId}.mp4"] });
  });

  it("has the folders of the job's date in UTC, by the record's or by a date field", () => {
    const byRecord = jobs(
      ["aa-1", "2026-01-31", { URL: "https://acme.example.com/b/2026/01/31/aa-1.mp4" }],
      ["bb-2", "2026-02-01", { URL: "https://acme.example.com/b/2026/02/01/bb-2.mp4" }],
    );
    expect(learn(byRecord)).toMatchObject({ patterns: ["{startedAt:yyyy/MM/dd}/{externalId}.mp4"], startedAt: null });
    const byField = jobs(
      ["aa-1", "2026-01-31", { URL: "https://acme.example.com/b/2026-02-01/aa-1.mp4", Sent: "2026-02-01" }],
      ["bb-2", "2026-02-01", { URL: "https://acme.example.com/b/2026-02-03/bb-2.mp4", Sent: "2026-02-03" }],
    );
    expect(learn(byField, null, ["Due", "Sent"])).toMatchObject({
      patterns: ["{startedAt:yyyy-MM-dd}/{externalId}.mp4"],
      startedAt: "Sent",
    });
  });

  it("has the folders of a field whose value they are", () => {
    const found = learn(
      jobs(
        ["aa-1", "2026-01-05", { URL: "https://acme.example.com/b/initech/aa-1.mp4", Customer: "initech" }],
        ["bb-2", "2026-01-05", { URL: "https://acme.example.com/b/hooli/bb-2.mp4", Customer: ["hooli"] }],
      ),
    );
    expect(found).toMatchObject({
      prefix: "https://acme.example.com/b",
      patterns: ["{field.Customer}/{externalId}.mp4"],
    });
  });

  it("is not known where folders differ and follow nothing", () => {
    const found = learn(
      jobs(
        ["aa-1", "2026-01-05", { URL: "https://acme.example.com/b/x7/aa-1.mp4" }],
        ["bb-2", "2026-01-05", { URL: "https://acme.example.com/b/k2/bb-2.mp4" }],
      ),
    );
    expect(found).toMatchObject({ prefix: null, patterns: ["{externalId}.mp4"] });
  });

  it("is what most jobs name, with the other names of the same place", () => {
    const url = (id: string, suffix: string) => ({ URL: `https://acme.example.com/b/${id}${suffix}` });
    const found = learn(
      jobs(
        ["aa-1", "2026-01-05", url("aa-1", "_output_0.mp4")],
        ["bb-2", "2026-01-05", url("bb-2", "_output_0.mp4")],
        ["cc-3", "2026-01-05", url("cc-3", ".mp4")],
        ["dd-4", "2026-01-05", { URL: "https://elsewhere.example.com/dd-4.mp4" }],
      ),
    );
    expect(found).toMatchObject({ patterns: ["{externalId}_output_0.mp4", "{externalId}.mp4"] });
  });

  it("is below the prefix that is given, where the URLs are", () => {
    const finished = jobs(["aa-1", "2026-01-05", { URL: "https://acme.example.com/b/renders/aa-1.mp4" }]);
    expect(learn(finished, "https://acme.example.com/b")).toMatchObject({
      prefix: "https://acme.example.com/b",
      patterns: ["renders/{externalId}.mp4"],
    });
    expect(learn(finished, "https://origin.example.com")).toMatchObject({
      prefix: "https://acme.example.com/b/renders",
      patterns: ["{externalId}.mp4"],
    });
  });

  it("has names alone where only attachments are there", () => {
    const file = (filename: string) => ({ File: [{ filename, url: "https://dl.example.com/x" }] });
    const found = learn(jobs(["aa-1", "2026-01-05", file("aa-1_thumb.jpg")]));
    expect(found).toEqual({ prefix: null, patterns: ["{externalId}_thumb.jpg"], startedAt: null, example: null });
  });

  it("is read from the bucket's own host where a URL names the CDN of Spaces", () => {
    const url = "https://acme.nyc3.cdn.digitaloceanspaces.com/renders/aa-1.mp4";
    expect(learn(jobs(["aa-1", "2026-01-05", { URL: url }]))?.prefix).toBe(
      "https://acme.nyc3.digitaloceanspaces.com/renders",
    );
  });
});

describe("a file's URL", () => {
  it("names a file by its extension, without escapes that a name cannot have", () => {
    expect(parseFileUrl("https://a.example.com/b/my%20clip.mp4")?.segments).toEqual(["b", "my clip.mp4"]);
    for (const url of [
      "https://a.example.com/tasks/aa-1",
      "https://a.example.com/b%2Fc.mp4",
      "ftp:",
      "https://a.example.com/%ZZ.mp4",
    ]) {
      expect([url, parseFileUrl(url)]).toEqual([url, null]);
    }
  });

  it("has an id as a whole word only, unless the id is long", () => {
    expect(indexOfWord("clip-12.mp4", "12")).toBe(5);
    expect(indexOfWord("clip-1234.mp4", "12")).toBe(-1);
    expect(indexOfWord("x0b8a3f52-6d0e.mp4", "0b8a3f52-6d0e")).toBe(1);
    expect(indexOfWord("a b.mp4", "a b")).toBe(-1);
  });
});

describe("the value of --storage", () => {
  const known = [{ id: "recJob00000000001", externalId: "aa-1" }];

  it("is a prefix, the output of a job of the sample, or the output of another", () => {
    expect(parseGivenStorage("https://a.example.com/b/", known)).toEqual({
      kind: "prefix",
      prefix: "https://a.example.com/b",
    });
    expect(parseGivenStorage("https://a.example.com/b/aa-1.mp4", known)).toMatchObject({
      kind: "example",
      jobId: "recJob00000000001",
    });
    expect(parseGivenStorage("https://a.example.com/b/zz-9.mov", known)).toEqual({
      kind: "unmatched",
      prefix: "https://a.example.com/b",
      pattern: "{externalId}.mov",
    });
    expect(parseGivenStorage("https://a.example.com/acme.media", known)).toMatchObject({ kind: "prefix" });
  });
});

describe("the prefix of several operations", () => {
  it("is what those of the same bucket share, and no part of a host or a bucket's name", () => {
    expect(commonPrefix(["https://h.example.com/b/out/video", "https://h.example.com/b/out/voice"])).toBe(
      "https://h.example.com/b/out",
    );
    expect(commonPrefix(["https://h.example.com/b/video", "https://h.example.com/c/voice"])).toBe(
      "https://h.example.com/b/video",
    );
    expect(commonPrefix(["https://acme.s3.amazonaws.com/x", "https://acme.s3.amazonaws.com/y"])).toBe(
      "https://acme.s3.amazonaws.com",
    );
    expect(commonPrefix([])).toBeNull();
  });
});
