import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Json } from "../../src/sandbox/airtable/cells.ts";
import { parseSchema } from "../../src/sandbox/airtable/schema.ts";
import { HOUR, MINUTE } from "../support/builders.ts";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { openWorld } from "./world.ts";

const SCHEMA = {
  tables: [
    {
      id: "tblRenders00000001",
      name: "Jobs",
      primaryFieldId: "fldName0000000001",
      fields: [
        { id: "fldName0000000001", name: "Name", type: "singleLineText" },
        {
          id: "fldStatus00000001",
          name: "Status",
          type: "singleSelect",
          options: {
            choices: ["processing", "done", "error"].map((name, n) => ({ id: `selStatus0000000${n}`, name })),
          },
        },
        { id: "fldTask0000000001", name: "Task ID", type: "singleLineText" },
        { id: "fldCustomer000001", name: "Customer", type: "multipleLookupValues" },
        { id: "fldBegun000000001", name: "Begun", type: "dateTime" },
        { id: "fldOutput00000001", name: "Output", type: "url" },
        { id: "fldLog00000000001", name: "Log", type: "multilineText" },
        { id: "fldResult00000001", name: "Result", type: "multilineText" },
      ],
    },
  ],
};

const CONFIGURATION = `
preset: none
jobs:
  table: Jobs
  fields: { status: Status, externalId: Task ID, notes: Log, responsePayload: Result, startedAt: Begun }
  completedStatus: done
  failedStatus: error
operations:
  render:
    outputs: ["renders/{field.Customer}/{startedAt:yyyy/MM/dd}/{externalId}/final.mp4"]
    target: self
    deliver: { field: Output, as: url }
`;

/** A base whose outputs are in folders of customers, days and jobs, and what runs a command over it. */
async function rendersWorld(configuration = CONFIGURATION) {
  const world = await openWorld({ schema: parseSchema(SCHEMA), listing: "open" });
  const cwd = folder();
  writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), configuration);
  const begun = Date.now() - 3 * HOUR;
  return {
    world,
    day: new Date(begun).toISOString().slice(0, 10).replaceAll("-", "/"),
    run: (...args: string[]) => stuckJobs(args, { cwd, env: world.env }),
    addJob(n: number, fields: Readonly<Record<string, Json>> = {}) {
      const cells = {
        "Task ID": `task-${n}`,
        Customer: ["Müller & Co."],
        Begun: new Date(begun).toISOString(),
        ...fields,
      };
      world.job(`recJob0000000000${n}`, cells, 4 * HOUR);
    },
  };
}

describe("names with folders, a field and the date of the job", () => {
  it("find the output, and what is written is its URL, folder by folder", async () => {
    const { world, day, run, addJob } = await rendersWorld();
    addJob(1);
    world.output(`renders/Müller & Co./${day}/task-1/final.mp4`);
    const { code, stdout } = await run("recover", "-o", "json");
    expect([code, reportIn(stdout).summary]).toMatchObject([0, { recovered: 1 }]);
    expect(world.fields("Jobs", "recJob00000000001")).toMatchObject({
      Status: "done",
      Output: `${world.storageUrl}/renders/M%C3%BCller%20%26%20Co./${day}/task-1/final.mp4`,
    });
    expect(world.requests[0]?.query.getAll("fields[]")).toContain("Customer");
  });

  it("fail a job only for its own names, by the sight of a completed job's own ones", async () => {
    const { world, day, run, addJob } = await rendersWorld();
    addJob(1);
    addJob(2, { Status: "done", Customer: ["Acme"] });
    world.output(`renders/Acme/${day}/task-2/final.mp4`);
    const { code, stdout } = await run("recover", "-o", "json");
    expect([code, reportIn(stdout).summary]).toMatchObject([0, { failed: 1 }]);
    expect(world.fields("Jobs", "recJob00000000001").Status).toBe("error");
  });

  it("fail no job whose file a worker with another clock has put into the folder of the next day", async () => {
    const { world, day, run, addJob } = await rendersWorld();
    addJob(1);
    addJob(2, { Status: "done" });
    world.output(`renders/Müller & Co./${day}/task-2/final.mp4`);
    const next = new Date(Date.parse(day.replaceAll("/", "-")) + 24 * HOUR).toISOString().slice(0, 10);
    world.output(`renders/Müller & Co./${next.replaceAll("-", "/")}/task-1/final.mp4`);
    const { stdout } = await run("recover", "-o", "json");
    expect(reportIn(stdout).jobs).toMatchObject([{ verdict: "unknown", reason: "output-under-another-name" }]);
    expect(world.fields("Jobs", "recJob00000000001").Status).toBe("processing");
  });

  it.each([
    ["blank", []],
    ["several", ["Acme", "Beta"]],
    ["another folder", ["../secret"]],
    ["two folders", ["a/b"]],
    ["an escape", ["a%2Fb"]],
  ])("are never probed where the field holds %s: the job is skipped, by the field's name", async (_, customer) => {
    const { world, run, addJob } = await rendersWorld();
    addJob(1, { Customer: customer });
    const { stdout } = await run("recover", "-o", "json");
    expect(reportIn(stdout).jobs).toMatchObject([{ verdict: "skip", reason: "output-name-incomplete", evidence: [] }]);
    expect(world.bucket.requestCount()).toBe(0);
    expect(stdout).not.toContain("secret");
  });

  it("are shown by explain, and re-evaluated by replay on what was recorded", async () => {
    const { world, day, run, addJob } = await rendersWorld();
    addJob(1);
    world.output(`renders/Müller & Co./${day}/task-1/final.mp4`);
    expect((await run("explain", "task-1")).stdout).toContain(`${day}/task-1/final.mp4`);
    await run("recover", "--journal", "journal.ndjson");
    const { code, stdout } = await run("replay", "--journal", "journal.ndjson");
    expect([code, stdout]).toEqual([0, "No verdict would differ (1 run, 1 verdict).\n"]);
    expect((await run("undo", "--job", "task-1", "--journal", "journal.ndjson")).code).toBe(0);
    expect(world.fields("Jobs", "recJob00000000001")).toMatchObject({ Status: "processing" });
  });

  it("that contain a field which the base lacks are refused by the field's name", async () => {
    const { run, addJob } = await rendersWorld(CONFIGURATION.replace("field.Customer", "field.Client"));
    addJob(1);
    const scan = await run("scan");
    expect([scan.code, scan.stderr]).toEqual([2, expect.stringContaining("Client")]);
    const doctor = await run("doctor");
    expect([doctor.code, doctor.stdout]).toEqual([2, expect.stringContaining("operations.render.outputs")]);
  });

  it("use the record's created time where no date field is configured", async () => {
    const { world, run } = await rendersWorld(CONFIGURATION.replace(", startedAt: Begun", ""));
    const day = new Date(Date.now() - 10 * MINUTE).toISOString().slice(0, 10).replaceAll("-", "/");
    world.job("recJob00000000001", { "Task ID": "task-1", Customer: ["Acme"] });
    world.output(`renders/Acme/${day}/task-1/final.mp4`);
    expect((await run("recover")).stdout).toContain("1 recovered");
  });
});
