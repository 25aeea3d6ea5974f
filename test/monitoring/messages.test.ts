import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chatBodies, pingBody, pingUrl } from "../../src/monitoring/messages.ts";
import { NOW } from "../support/builders.ts";
import { entry, resultOf, verdict } from "../support/reports.ts";

describe("the address of a ping", () => {
  it.each([
    ["https://hc-ping.com/uuid", "start", "https://hc-ping.com/uuid/start"],
    ["https://hc-ping.com/uuid", "success", "https://hc-ping.com/uuid"],
    ["https://hc-ping.com/uuid", 5, "https://hc-ping.com/uuid/5"],
    ["https://hc-ping.com/key/slug?create=1", 6, "https://hc-ping.com/key/slug/6?create=1"],
    ["https://hc.example/ping/uuid/", "start", "https://hc.example/ping/uuid/start"],
    ["https://hc.example", "start", "https://hc.example/start"],
  ] as const)("%s, %s is %s", (url, kind, expected) => {
    expect(pingUrl(url, kind)).toBe(expected);
  });
});

describe("the body of a ping", () => {
  it("has the summary, the exit code with the run, and a line for each job", () => {
    const jobs = [entry(1, { verdict: verdict("output-absent", "old"), error: "HTTP 422\nno" })];
    expect(pingBody("one line", resultOf(jobs, { exitCode: 3 }))).toBe(
      "one line\nexit code 3, run 00000000-0000-4000-8000-000000000001\n" +
        "recJob00000000001 job-0001 combine fail output-absent; old; could not be written: HTTP 422 no\n",
    );
  });
  it("says what cannot be used", () => {
    const trouble = { need: "Airtable", detail: "HTTP 503" } as const;
    expect(pingBody("failed", resultOf([], { report: null, trouble, exitCode: 5 }))).toMatch(/^failed\nHTTP 503\nexit/);
  });
  it("never takes more than 100 kB, and breaks between lines", () => {
    const jobs = Array.from({ length: 1_500 }, (_, n) =>
      entry(n, { verdict: verdict("output-absent", "müßig ".repeat(9)) }),
    );
    const body = pingBody("many", resultOf(jobs));
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(100_000);
    expect(Buffer.byteLength(body)).toBeGreaterThan(99_000);
    expect(body.endsWith("\n… cut off here\n")).toBe(true);
  });
});

describe("what is posted to a chat", () => {
  const parsed = (texts: readonly string[], now = NOW) =>
    chatBodies(
      texts.map((text) => ({ at: NOW, text })),
      resultOf(),
      now,
    ).map((body) => JSON.parse(body));
  it("is text for Slack and content for Discord, with base and run", () => {
    const [body, ...rest] = parsed(["The brake holds combine."]);
    expect(rest).toEqual([]);
    expect(body.text).toBe(body.content);
    expect(body.text).toBe(
      "stuck-jobs, base appTest0000000001, run 00000000-0000-4000-8000-000000000001:\n• The brake holds combine.",
    );
  });
  it("is nothing where nothing is pending", () => {
    expect(parsed([])).toEqual([]);
  });
  it("tells of what comes late since when it was so", () => {
    expect(parsed(["late"], NOW + 120_000)[0].text).toContain(`• ${new Date(NOW).toISOString().slice(0, 16)}Z: late`);
  });
  it("calls nobody and makes no links, whatever a base's names hold", () => {
    const [body] = parsed(["<!channel> <@U123> @everyone <https://evil.example|click>"]);
    expect(body.text).not.toMatch(/[<>]|@(everyone|U123)/);
    expect(body.allowed_mentions).toEqual({ parse: [] });
  });
  it("fits Discord's 2,000 characters, and loses no message", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1, maxLength: 900 }), { minLength: 1, maxLength: 12 }), (texts) => {
        const bodies = parsed(texts);
        for (const { content } of bodies) expect(content.length).toBeLessThanOrEqual(2_000);
        const bullets = bodies.flatMap(({ content }) => content.split("\n").slice(1));
        expect(bullets).toHaveLength(texts.length);
      }),
    );
  });
});
