import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Json } from "../../src/sandbox/airtable/cells.ts";
import { parseSchema } from "../../src/sandbox/airtable/schema.ts";
import { HOUR, MINUTE } from "../support/builders.ts";
import { send } from "../support/nca.ts";
import { serve } from "../support/servers.ts";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { openWorld } from "./world.ts";

const STATUSES = ["In progress", "Done", "Error"];
const SCHEMA = parseSchema({
  tables: [
    {
      id: "tblTasks000000001",
      name: "Jobs",
      primaryFieldId: "fldTask0000000001",
      fields: [
        { id: "fldTask0000000001", name: "Prediction", type: "singleLineText" },
        {
          id: "fldStatus00000001",
          name: "Status",
          type: "singleSelect",
          options: { choices: STATUSES.map((name, n) => ({ id: `selStatus0000000${n}`, name })) },
        },
        { id: "fldResult00000001", name: "Result", type: "url" },
        { id: "fldLog00000000001", name: "Log", type: "multilineText" },
      ],
    },
  ],
});

/** A base of Replicate's predictions: a server that answers as Replicate does, and serves the files. */
async function replicateWorld(predictions: Readonly<Record<string, object>>) {
  const world = await openWorld({ schema: SCHEMA });
  const replicate = await serve((request, response) => {
    const [, kind, id = ""] = /^\/v1\/(predictions|files)\/(.+)$/.exec(request.url ?? "") ?? [];
    if (kind === "files") {
      response.writeHead(200, { "content-length": 7, "content-type": "image/png" });
      return response.end(request.method === "HEAD" ? undefined : "a thing");
    }
    const known = request.headers.authorization === "Bearer r8_token" ? predictions[id] : undefined;
    send(response, known === undefined ? 404 : 200, known ?? { detail: "Not found." });
  });
  const cwd = folder();
  writeFileSync(
    join(cwd, ".stuck-jobsrc.yaml"),
    `
preset: replicate
jobs:
  table: Jobs
  fields: { status: Status, externalId: Prediction, notes: Log }
  stuckStatuses: [In progress]
  completedStatus: Done
  failedStatus: Error
providers: { replicate: { url: "${replicate.url}/v1/predictions/{externalId}", outputHosts: [127.0.0.1], allowPrivate: true } }
operations: { upscale: { target: self, deliver: { field: Result, as: url } } }
`,
  );
  const { STUCK_JOBS_STORAGE_URL: _, ...env } = world.env;
  return {
    world,
    replicate,
    run: (...args: string[]) => stuckJobs(args, { cwd, env: { ...env, REPLICATE_API_TOKEN: "r8_token" } }),
    add(n: number, fields: Readonly<Record<string, Json>>, age = 10 * MINUTE) {
      world.job(`recJob0000000000${n}`, { Status: "In progress", ...fields }, age);
    },
  };
}

describe("a base on the preset replicate", () => {
  it("has jobs recovered, failed with the provider's reason, and left alone, by Replicate's states", async () => {
    const predictions: Record<string, object> = {
      p2: { status: "failed", error: "NSFW content detected" },
      p3: { status: "processing" },
      p4: { status: "succeeded", output: null, data_removed: true },
    };
    const { world, replicate, run, add } = await replicateWorld(predictions);
    predictions.p1 = { status: "succeeded", output: `${replicate.url}/v1/files/out.png` };
    for (const n of [1, 2, 3, 4]) add(n, { Prediction: `p${n}` });
    add(5, { Prediction: "p5" }, 2 * HOUR);
    const { code, stdout } = await run("recover", "-o", "json");
    const reasons = Object.fromEntries(reportIn(stdout).jobs.map(({ externalId, reason }) => [externalId, reason]));
    expect([code, reasons]).toEqual([
      0,
      {
        p1: "provider-output",
        p2: "provider-failed",
        p3: "provider-running",
        p4: "evidence-contradicts",
        p5: "provider-silent",
      },
    ]);
    expect(world.fields("Jobs", "recJob00000000001")).toMatchObject({
      Status: "Done",
      Result: `${replicate.url}/v1/files/out.png`,
    });
    expect(world.fields("Jobs", "recJob00000000002")).toMatchObject({
      Status: "Error",
      Log: expect.stringContaining("Failed via polling"),
    });
    expect(world.fields("Jobs", "recJob00000000005").Status).toBe("In progress");
  });

  it("is found in order by doctor, which asks no storage that nothing uses", async () => {
    const { run } = await replicateWorld({});
    const { code, stdout } = await run("doctor");
    expect(stdout).not.toContain("storage.invalid");
    expect(stdout).toContain("replicate");
    expect(code).toBe(0);
  });

  it("is valid offline, and says what is missing where the token is", async () => {
    const { run } = await replicateWorld({});
    expect((await run("config", "validate")).code).toBe(0);
    const shown = await run("config", "show");
    expect(shown.stdout).toMatch(/thresholds\.failAfter +50m/);
  });
});
