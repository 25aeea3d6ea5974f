import { expect, it } from "vitest";
import packageJson from "../../node_modules/pg-boss/package.json" with { type: "json" };
import { QUEUE_VERSION } from "../../src/fleet/versions.ts";

it("the queue's version is that of the pinned pg-boss", () => {
  expect(packageJson.pgboss.schema).toBe(QUEUE_VERSION);
});
