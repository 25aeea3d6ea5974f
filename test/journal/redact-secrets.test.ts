import { describe, expect, it } from "vitest";
import { redactSecrets, redactText } from "../../src/journal/redact-secrets.ts";

describe("redactSecrets", () => {
  it.each([
    ["apiKey", "abc"],
    ["x-api-key", "abc"],
    ["access_token", "abc"],
    ["clientSecret", "abc"],
    ["password", "abc"],
    ["Authorization", "Bearer abc"],
    ["key", "abc"],
  ])("takes out the text under the key %s, at any depth", (key, value) => {
    const payload = { kind: "read", value: { segment_id: "rec1", webhook: [{ [key]: value }] } };
    expect(redactSecrets(payload)).toEqual({
      kind: "read",
      value: { segment_id: "rec1", webhook: [{ [key]: "[redacted]" }] },
    });
  });

  it("keeps numbers, and keys that only resemble those of secrets", () => {
    const payload = { max_tokens: 500, monkey: "George", keyframe: "1", author: "Anna", operation: "combine" };
    expect(redactSecrets(payload)).toEqual(payload);
  });

  it("cuts what is nested deeper than anything that is read", () => {
    let deep: unknown = "x";
    for (let n = 0; n < 100_000; n += 1) deep = [deep];
    expect(JSON.stringify(redactSecrets({ deep }))).toContain("[nested too deep]");
  });
});

describe("redactText", () => {
  it.each([
    [
      "https://app.example/hook?operation=combine&key=abcd1234",
      "https://app.example/hook?operation=combine&key=[redacted]",
    ],
    ["https://app.example/hook?sig=abcd1234&job_id=rec1", "https://app.example/hook?sig=[redacted]&job_id=rec1"],
    ["https://app.example/hook?auth_token=abcd1234", "https://app.example/hook?auth_token=[redacted]"],
    ['{"api_key": "abcd1234", "id": 7}', '{"api_key": "[redacted]", "id": 7}'],
    ["{'token': 'abcd1234', 'late': True}", "{'token': '[redacted]', 'late': True}"],
    [String.raw`"{\"secret\":\"abcd1234\"}"`, String.raw`"{\"secret\":\"[redacted]\"}"`],
  ])("takes the secret out of %s", (text, expected) => {
    expect(redactText(text)).toBe(expected);
  });

  it.each(["the job's key figures: 12", "https://app.example/monkey=1234", "token of thanks", '{"tokens": 12}'])(
    "leaves %s as it is",
    (text) => {
      expect(redactText(text)).toBe(text);
    },
  );

  it("reads a megabyte of its worst in one pass", () => {
    const worst = ["token", "api-", "key", "secret=", "token\t\t\t\t\t\t\t\t", 'authorization\\"'];
    const steps = worst.map((word) => {
      const started = performance.now();
      redactText(word.repeat(Math.ceil(1_000_000 / word.length)));
      return performance.now() - started;
    });
    // Quadratic time would be minutes.
    expect(Math.max(...steps)).toBeLessThan(20_000);
  });
});
