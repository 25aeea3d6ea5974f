import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NotifyFormat } from "../../src/config/schema/monitoring.ts";
import { formatEmail } from "../../src/monitoring/email.ts";
import { emailOf, pingBody, webhookBodies } from "../../src/monitoring/messages.ts";
import { NOW } from "../support/builders.ts";
import { entry, resultOf, verdict } from "../support/reports.ts";

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

describe("what is posted to a webhook", () => {
  const parsed = (texts: readonly string[], now = NOW, format: NotifyFormat = "json") =>
    webhookBodies(
      format,
      texts.map((text) => ({ at: NOW, text })),
      resultOf(),
      now,
    ).map((body) => JSON.parse(body));
  const TEXT =
    "stuck-jobs, base appTest0000000001, run 00000000-0000-4000-8000-000000000001:\n• The brake holds combine.";

  it("is JSON with the message in text, and base and run beside it", () => {
    const [body, ...rest] = parsed(["The brake holds combine."]);
    expect(rest).toEqual([]);
    const { runId } = resultOf();
    expect(body).toMatchObject({ text: TEXT, content: TEXT, base: "appTest0000000001", runId });
  });
  it("is what Slack and Discord read, and nothing else", () => {
    expect(parsed(["The brake holds combine."], NOW, "slack")).toEqual([{ text: TEXT }]);
    const discord = { content: TEXT, allowed_mentions: { parse: [] } };
    expect(parsed(["The brake holds combine."], NOW, "discord")).toEqual([discord]);
  });
  it("is a card for Teams, in which names make no links", () => {
    const [{ type, attachments }] = parsed(["[click](https://evil.example) and *stars*"], NOW, "teams");
    const [{ contentType, content }] = attachments;
    expect([type, contentType, content.type]).toEqual([
      "message",
      "application/vnd.microsoft.card.adaptive",
      "AdaptiveCard",
    ]);
    const texts = content.body.map(({ text }: { text: string }) => text);
    expect(texts).toEqual([expect.stringMatching(/^stuck-jobs, base/), expect.any(String)]);
    expect(texts[1]).toBe("• \\[click\\] (https://evil.example) and \\*stars\\*");
  });
  it("is nothing where nothing is pending", () => {
    expect(parsed([])).toEqual([]);
  });
  it("says of what comes late since when it was so", () => {
    expect(parsed(["late"], NOW + 120_000)[0].text).toContain(`• ${new Date(NOW).toISOString().slice(0, 16)}Z: late`);
  });
  it("calls nobody and makes no links, whatever a base's names hold", () => {
    const [body] = parsed(["<!channel> <@U123> @everyone <https://evil.example|click>"]);
    expect(body.text).not.toMatch(/[<>]|@(everyone|U123)/);
    expect(body.allowed_mentions).toEqual({ parse: [] });
  });
  it("hides no link behind a text, and no control characters", () => {
    const [body] = parsed(["[your invoice](https://evil.example) \u202e\u001b]52;c;x\u0007"]);
    expect(body.text).toContain("[your invoice] (https://evil.example) \\u202e\\u001b]52");
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

describe("a mail", () => {
  it("has the first change as its subject, and all in its body", () => {
    const pending = ["The brake holds combine.", "Airtable cannot\nbe used"].map((text) => ({ at: NOW, text }));
    const { subject, body } = emailOf(pending, resultOf(), NOW);
    expect(subject).toBe("stuck-jobs, appTest0000000001: The brake holds combine. (and 1 more)");
    expect(body).toContain("• The brake holds combine.\n• Airtable cannot be used\n\nBase appTest0000000001, run ");
  });
  it("is one header a line in ASCII, and a body in base64, whatever a base's names hold", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
        const mail = formatEmail(emailOf([{ at: NOW, text }], resultOf(), NOW), "ops@example.com");
        const [head = "", body = ""] = mail.split("\n\n");
        expect(head).toMatch(/^[\x20-\x7e\n]*$/);
        const headers = head.replaceAll("\n ", "").split("\n");
        const names = headers.map((line) => line.split(":")[0]);
        expect(names.filter((name) => /^(to|cc|bcc|from)$/i.test(name ?? ""))).toEqual(["To"]);
        expect(Buffer.from(body, "base64").toString()).toContain("Base appTest0000000001");
        const subject = headers.find((line) => line.startsWith("Subject: "))?.slice(9) ?? "";
        const words = [...subject.matchAll(/=\?utf-8\?B\?([^?]*)\?=/g)].map(([, word = ""]) =>
          Buffer.from(word, "base64"),
        );
        const decoded = words.length === 0 ? subject : Buffer.concat(words).toString();
        expect(decoded).toBe(emailOf([{ at: NOW, text }], resultOf(), NOW).subject);
      }),
    );
  });
});
