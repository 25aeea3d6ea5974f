import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder, stuckJobs } from "./cli.ts";
import { openWorld, TOKEN } from "./world.ts";

const SECRET = "aVerySecretKey/OfTheStorage+0123456789ab";
const SIGNATURE = "5f1c0e0f5f1c0e0f5f1c0e0f5f1c0e0f5f1c0e0f5f1c0e0f5f1c0e0f5f1c0e0f";
const SIGNED = `https://bucket.example/a.mp4?X-Amz-Credential=key&X-Amz-Signature=${SIGNATURE}`;

/** Everything that could be printed about a request, and must not be. */
const TALE = `Authorization: Bearer ${TOKEN}; key ${SECRET}; ${SIGNED}`;

const KEYS = { STUCK_JOBS_S3_ACCESS_KEY_ID: "key", STUCK_JOBS_S3_SECRET_ACCESS_KEY: SECRET };

/** Waits until the program handles what it does not catch. */
const ONCE_READY = `const timer = setInterval(() => { if (process.listenerCount("uncaughtException") === 0) return;`;

/** What is printed, without the secrets that it should not hold. */
function leaksIn(printed: string): readonly string[] {
  return [TOKEN, SECRET, SIGNATURE].filter((secret) => printed.includes(secret));
}

describe("no secret is printed", () => {
  it.each([
    ["an exception that nobody catches", (thrown: string) => `${ONCE_READY} clearInterval(timer); ${thrown} }, 20)`],
    [
      "a promise that nobody handles",
      (thrown: string) => `${ONCE_READY} clearInterval(timer); (async () => { ${thrown} })() }, 20)`,
    ],
  ])("by %s", async (_, when) => {
    // The listing is not answered until the program has met its end.
    const world = await openWorld({ instead: () => new Promise(() => undefined) });
    const fault = join(folder(), "fault.mjs");
    writeFileSync(fault, when(`throw new Error(${JSON.stringify(TALE)})`));
    const env = { ...world.env, ...KEYS, NODE_OPTIONS: `--import ${fault}` };
    const { code, stdout, stderr } = await stuckJobs(["recover", "-v"], { env });
    expect(code).toBe(1);
    expect(stderr).toContain("internal error: Error: Authorization");
    expect(leaksIn(stdout + stderr)).toEqual([]);
  });

  it.each([401, 403, 404, 422, 503])("by a base that repeats what it was sent, with %i", async (status) => {
    const error = { type: "SOMETHING_WRONG", message: TALE };
    const answer = { status, headers: { "content-type": "application/json" }, body: JSON.stringify({ error }) };
    const world = await openWorld({ instead: () => answer });
    const env = { ...world.env, ...KEYS };
    const { code, stdout, stderr } = await stuckJobs(["recover", "-v", "-o", "json", "--deadline", "4s"], { env });
    expect([2, 4, 5]).toContain(code);
    expect(leaksIn(stdout + stderr)).toEqual([]);
  });
});
