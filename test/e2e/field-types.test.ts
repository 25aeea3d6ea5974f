import { describe, expect, it } from "vitest";
import type { Json } from "../../src/sandbox/airtable/cells.ts";
import { stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, openWorld, realSchema, type World } from "./world.ts";

/** A base in which one field of Jobs has another type, with two stuck jobs whose output exists. */
async function worldWith(field: string, type: string, cellOf: (id: string) => Json): Promise<World> {
  const schema = realSchema();
  for (const { name, fields } of schema.tables) {
    for (const each of fields) if (name === "Jobs" && each.name === field) each.type = type;
  }
  const world = await openWorld({ schema });
  for (const n of [1, 2]) {
    const segment = `recSegment000000${n}`;
    addSegment(world, segment);
    const fields = { Type: "combine", "External Job ID": `job-${n}`, Segments: [segment] };
    world.job(`recJob0000000000${n}`, { ...fields, [field]: cellOf(`job-${n}`) });
    world.output(`job-${n}_output_0.mp4`);
  }
  return world;
}

describe("a status that is a multiple select", () => {
  it.each(["scan", "recover"])("makes %s exit with 2, by name, and nothing is written", async (command) => {
    const world = await worldWith("Status", "multipleSelects", () => ["processing"]);
    const { code, stderr } = await stuckJobs([command], { env: world.env });
    expect(code).toBe(2);
    expect(stderr).toContain('Field "Status" of table "Jobs" holds a list; expected a single select or a text');
    expect(world.requests.filter(({ method }) => method === "PATCH")).toEqual([]);
  });
});

describe("recover", () => {
  it.each<readonly [type: string, cellOf: (id: string) => Json]>([
    ["barcode", (text) => ({ text, type: "code39" })],
    ["aiText", (value) => ({ state: "generated", value, isStale: false })],
    ["multipleLookupValues", (text) => [text]],
  ])("completes jobs whose external id is of the type %s", async (type, cellOf) => {
    const world = await worldWith("External Job ID", type, cellOf);
    const { code, stdout } = await stuckJobs(["recover", "-o", "json"], { env: world.env });
    expect([code, reportIn(stdout).summary]).toMatchObject([0, { recovered: 2 }]);
  });

  it("leaves a job alone whose external id is a link, and says that the id is invalid", async () => {
    const world = await worldWith("External Job ID", "multipleRecordLinks", () => ["recSegment0000001"]);
    const { stdout } = await stuckJobs(["recover", "-o", "json"], { env: world.env });
    expect(reportIn(stdout).jobs.map(({ reason }) => reason)).toEqual(["external-id-invalid", "external-id-invalid"]);
    expect(world.fields("Jobs", "recJob00000000001").Status).toBe("processing");
  });
});
