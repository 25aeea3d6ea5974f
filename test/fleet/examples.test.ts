import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { readEnvironment } from "../../src/config/env/environment.ts";
import { resolveBases } from "../../src/config/resolve/bases.ts";

it.each(["examples/fleet/stuck-jobsrc.yaml"])("%s is a valid configuration", (path) => {
  const content = parse(readFileSync(path, "utf8"));
  const environment = readEnvironment({
    STUCK_JOBS_DATABASE_URL: "postgres://u@db/app",
    ACME_TOKEN: "acme-token",
    GLOBEX_TOKEN: "globex-token",
  });
  const bases = resolveBases({ path, content }, environment, {});
  expect(bases.map(({ base, store }) => [base?.name, store.kind === "airtable" ? store.account : null])).toEqual([
    ["acme-films", "acme"],
    ["acme-shorts", "acme"],
    ["globex", "globex"],
  ]);
  expect(bases[0]?.fleet).toMatchObject({ schema: "stuck_jobs", heartbeat: 10_000, whenDown: "stop" });
});
