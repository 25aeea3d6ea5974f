import { describe, expect, it } from "vitest";
import { examinedWorld } from "./doctor-world.ts";

describe("the clock", () => {
  /** Airtable's clock, so many ms before or after ours. */
  const shifted = (ms: number) => ({
    after: (_: unknown, reply: { status: number; headers: Readonly<Record<string, string>>; body: string }) => ({
      ...reply,
      headers: { ...reply.headers, date: new Date(Date.now() + ms).toUTCString() },
    }),
  });

  it("passes within a minute", async () => {
    expect((await examinedWorld(shifted(20_000))).of("clock")).toMatchObject([
      { level: "pass", detail: expect.stringMatching(/^2[01] s behind Airtable's$/) },
    ]);
  });

  it("is warned of beyond, with what comes of it beyond five", async () => {
    expect((await examinedWorld(shifted(-120_000))).of("clock")).toMatchObject([
      { level: "warn", detail: expect.stringMatching(/^1[12]\d s ahead of Airtable's$/) },
    ]);
    expect((await examinedWorld(shifted(-400_000))).of("clock")).toMatchObject([
      { level: "warn", detail: expect.stringContaining("no job is failed") },
    ]);
  });
});
