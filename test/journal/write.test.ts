import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { JournalError } from "../../src/core/ports/errors.ts";
import type { PendingWrite } from "../../src/core/ports/journal.ts";
import { openAppendFile, type Rotation } from "../../src/journal/append-file.ts";
import { readLines } from "../../src/journal/read.ts";
import { createJournal, type JournalOptions } from "../../src/journal/write.ts";
import { NOW } from "../support/builders.ts";

const BY = { runId: "run-1", version: "0.0.0", command: "recover" };

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "stuck-jobs-journal-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function announced(over: Partial<PendingWrite> = {}): PendingWrite {
  return {
    job: { id: "recJob00000000001", externalId: "x", operation: "combine", since: NOW, age: 600_000 },
    target: null,
    fields: { status: { before: "processing", after: "completed" } },
    note: "Completed",
    reason: "output-found",
    detail: "",
    evidence: { probes: [], provider: null, calibration: null },
    supersededBy: null,
    undoes: null,
    ...over,
  };
}

function journalAt(
  path: string,
  { maxBytes = 10_000_000, keep = 2, ...over }: Partial<JournalOptions & Rotation> = {},
) {
  const missed: string[] = [];
  const journal = createJournal({
    name: path,
    open: () => openAppendFile(path, { maxBytes, keep }),
    read: (kinds, collect) => collect(readLines([path], kinds)),
    required: false,
    baseId: "appOne",
    jobsTable: "Jobs",
    redact: (text) => text.replaceAll("s3cret", "[redacted]"),
    now: () => NOW,
    onUnavailable: (message, isExpected) => missed.push(`${isExpected ? "expected" : "unexpected"}: ${message}`),
    ...over,
  });
  onTestFinished(() => journal.close());
  return { journal, missed };
}

function linesOf(path: string): readonly string[] {
  return readFileSync(path, "utf8").trimEnd().split("\n");
}

describe("the journal's file", () => {
  it("is not touched before the first write is announced", async () => {
    const path = join(folder(), "state", "journal.ndjson");
    const { journal } = journalAt(path);
    await journal.recordVerdicts(
      { now: NOW, calibration: null, calibrations: {}, failedBefore: {}, blocked: [], force: false },
      [],
      BY,
    );
    await journal.close();
    expect(existsSync(join(path, ".."))).toBe(false);
  });

  it("holds a write before it is made, and its result after", async () => {
    const path = join(folder(), "journal.ndjson");
    const { journal } = journalAt(path);
    const settle = await journal.recordIntent(
      [announced(), announced({ target: { table: "Segments", id: "recS" } })],
      BY,
    );
    expect(linesOf(path).map((line) => JSON.parse(line))).toMatchObject([
      { kind: "write", write: 1, role: "job", table: "Jobs", record: "recJob00000000001", run: "run-1" },
      { kind: "write", write: 2, role: "target", table: "Segments", record: "recS" },
    ]);
    await settle([
      { id: "a", kind: "confirmed" },
      { id: "b", kind: "refused", error: "no" },
    ]);
    expect(
      linesOf(path)
        .slice(2)
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { kind: "result", write: 1, result: "confirmed", error: null },
      { kind: "result", write: 2, result: "refused", error: "no" },
    ]);
  });

  it("is for its owner alone, and so is its folder", async () => {
    const path = join(folder(), "state", "journal.ndjson");
    await journalAt(path).journal.recordIntent([announced()], BY);
    expect([statSync(path), statSync(join(path, ".."))].map(({ mode }) => (mode & 0o777).toString(8))).toEqual([
      "600",
      "700",
    ]);
  });

  it("closes the torn last line of a writer that died", async () => {
    const path = join(folder(), "journal.ndjson");
    appendFileSync(path, '{"kind":"write","torn');
    await journalAt(path).journal.recordIntent([announced()], BY);
    const [torn, whole = ""] = linesOf(path);
    expect(torn).toBe('{"kind":"write","torn');
    expect(JSON.parse(whole)).toMatchObject({ kind: "write", write: 1 });
  });

  it("keeps the lines of two writers whole", async () => {
    const path = join(folder(), "journal.ndjson");
    const writers = [journalAt(path).journal, journalAt(path).journal];
    const long = announced({ detail: "d".repeat(20_000) });
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => writers[n % 2]?.recordIntent([long, long], { ...BY, runId: `run-${n}` })),
    );
    expect(linesOf(path).map((line) => JSON.parse(line).kind)).toEqual(Array(80).fill("write"));
  });

  it("is set aside when it has grown too large, and the oldest is dropped", async () => {
    const path = join(folder(), "journal.ndjson");
    for (let n = 0; n < 5; n += 1) {
      const { journal } = journalAt(path, { maxBytes: 10 });
      await journal.recordIntent([announced()], { ...BY, runId: `run-${n}` });
      await journal.close();
    }
    const runs = [path, `${path}.1`, `${path}.2`].map((each) => linesOf(each).map((line) => JSON.parse(line).run));
    expect(runs).toEqual([["run-4"], ["run-3"], ["run-2"]]);
    expect(existsSync(`${path}.3`)).toBe(false);
  });

  it("is not set aside while another writer does so", async () => {
    const path = join(folder(), "journal.ndjson");
    appendFileSync(path, `${"x".repeat(100)}\n`);
    appendFileSync(`${path}.rotating`, "");
    await journalAt(path, { maxBytes: 10 }).journal.recordIntent([announced()], BY);
    expect(linesOf(path)).toHaveLength(2);
  });

  it("keeps no more files than it is to, however many there once were", async () => {
    const path = join(folder(), "journal.ndjson");
    for (const n of [1, 2, 3, 4]) appendFileSync(`${path}.${n}`, `${n}\n`);
    appendFileSync(path, `${"x".repeat(100)}\n`);
    await journalAt(path, { maxBytes: 10, keep: 2 }).journal.recordIntent([announced()], BY);
    expect(linesOf(`${path}.2`)).toEqual(["1"]);
    expect([3, 4].filter((n) => existsSync(`${path}.${n}`))).toEqual([]);
  });

  it("is created again where it was removed during a run", async () => {
    const path = join(folder(), "journal.ndjson");
    const { journal } = journalAt(path);
    await journal.recordIntent([announced()], BY);
    await journalAt(path, { maxBytes: 10, keep: 0 }).journal.recordIntent([announced()], { ...BY, runId: "run-2" });
    const settle = await journal.recordIntent([announced()], BY);
    rmSync(path);
    await settle([{ id: "a", kind: "confirmed" }]);
    await journal.recordIntent([announced()], BY);
    expect(linesOf(path).map((line) => JSON.parse(line))).toMatchObject([
      { kind: "result", write: 2 },
      { kind: "write", write: 3 },
    ]);
  });

  it("holds no secret", async () => {
    const path = join(folder(), "journal.ndjson");
    await journalAt(path).journal.recordIntent([announced({ note: "see https://b/?k=s3cret" })], BY);
    expect(readFileSync(path, "utf8")).toContain("k=[redacted]");
  });

  it("is done without, and said once, where it was not asked for and cannot be written", async () => {
    const file = join(folder(), "file");
    appendFileSync(file, "");
    const { journal, missed } = journalAt(join(file, "journal.ndjson"));
    const settle = await journal.recordIntent([announced()], BY);
    await settle([{ id: "a", kind: "confirmed" }]);
    await journal.recordIntent([announced()], BY);
    expect(missed).toEqual([expect.stringMatching(/^expected: the journal .* cannot be written: /)]);
  });

  it.runIf(existsSync("/dev/full"))("reports a full disk", async () => {
    const path = join(folder(), "journal.ndjson");
    symlinkSync("/dev/full", path);
    const { journal, missed } = journalAt(path);
    await journal.recordIntent([announced()], BY);
    expect(missed).toEqual([expect.stringMatching(/^unexpected: the journal .* cannot be written: ENOSPC/)]);
  });

  it("holds no secret that a payload or a webhook URL names as one", async () => {
    const path = join(folder(), "journal.ndjson");
    const { journal } = journalAt(path);
    const before = '{"code": 500, "api_key": "hidden-1"}';
    await journal.recordIntent([announced({ fields: { responsePayload: { before, after: null } } })], BY);
    const webhookUrl = "https://app.example/hook?operation=combine&key=hidden-2";
    const payload = { kind: "read", value: { segment_id: "recS", headers: { "x-api-key": "hidden-3" } } };
    const job = { id: "recJob00000000001", webhookUrl, payload };
    const verdict = { kind: "wait", reason: "output-pending", detail: "" };
    await journal.recordVerdicts(
      { now: NOW, calibration: null, calibrations: {}, failedBefore: {}, blocked: [], force: false },
      [
        {
          job,
          operation: "combine",
          reopened: false,
          probeGroups: [],
          providerReply: null,
          decision: verdict,
          verdict,
          applied: false,
          error: null,
        },
      ],
      BY,
    );
    const text = readFileSync(path, "utf8");
    expect(text).not.toContain("hidden");
    expect(text).toContain("operation=combine&key=[redacted]");
    expect(text).toContain('"segment_id":"recS"');
  });

  it("refuses the write where it was asked for and cannot be written", async () => {
    const file = join(folder(), "file");
    appendFileSync(file, "");
    const { journal } = journalAt(join(file, "journal.ndjson"), { required: true });
    await expect(journal.recordIntent([announced()], BY)).rejects.toBeInstanceOf(JournalError);
  });
});

describe("what a later run reads in the journal", () => {
  it("is each kind of write that the base refused and has not taken since", async () => {
    const { journal } = journalAt(join(folder(), "journal.ndjson"));
    await journal.recordRefusal(
      { kind: 'job, status "completed"', error: "HTTP 422 s3cret", job: "recJ1", scope: "token" },
      BY,
    );
    await journal.recordRefusal({ kind: "other", error: "HTTP 422", job: "recJ2", scope: null }, BY);
    await journal.recordRefusal({ kind: "other", error: null, job: "recJ3", scope: null }, BY);
    expect(await journal.readRefusals()).toEqual([
      { kind: 'job, status "completed"', error: "HTTP 422 [redacted]", at: NOW, job: "recJ1", scope: "token" },
    ]);
  });

  it("is each job whose webhook was announced, unless it was not sent", async () => {
    const { journal } = journalAt(join(folder(), "journal.ndjson"));
    const { job } = announced();
    const kinds = ["accepted", "failed", "refused", "unknown", "not-sent"] as const;
    for (const kind of kinds) {
      const complete = await journal.recordWebhookIntent({ ...job, id: kind, externalId: "x" }, BY);
      await complete({ kind, detail: "" });
    }
    await journal.recordWebhookIntent({ ...job, id: "killed", externalId: "x" }, BY);
    expect([...(await journal.readWebhooks())]).toEqual([
      "accepted x",
      "failed x",
      "refused x",
      "unknown x",
      "killed x",
    ]);
  });

  it("is nothing of another base", async () => {
    const path = join(folder(), "journal.ndjson");
    const { journal: other } = journalAt(path, { baseId: "appTwo" });
    await other.recordRefusal({ kind: "job", error: "HTTP 422", job: "recJ1", scope: null }, BY);
    await other.recordWebhookIntent(announced().job, BY);
    const { journal } = journalAt(path);
    expect(await journal.readRefusals()).toEqual([]);
    expect([...(await journal.readWebhooks())]).toEqual([]);
  });

  it("cannot be counted on where the journal cannot be written", async () => {
    const file = join(folder(), "file");
    appendFileSync(file, "");
    expect(await journalAt(join(file, "journal.ndjson")).journal.isWritable()).toBe(false);
    const { journal } = journalAt(join(file, "journal.ndjson"), { required: true });
    await expect(journal.isWritable()).rejects.toBeInstanceOf(JournalError);
  });
});
