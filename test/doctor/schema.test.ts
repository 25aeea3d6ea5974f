import { describe, expect, it } from "vitest";
import { openWorld, realSchema } from "../e2e/world.ts";
import { examined, examinedWorld, withField } from "./doctor-world.ts";

/** The real schema in which a select has lost an option. */
function withoutOption(table: string, name: string, option: string) {
  const field = realSchema()
    .tables.find((each) => each.name === table)
    ?.fields.find((each) => each.name === name);
  const choices = field?.options?.choices?.filter((choice) => choice.name !== option) ?? [];
  return withField(table, name, { options: { ...field?.options, choices } });
}

const failed = (level: string) => level === "fail";

describe("a base that fits", () => {
  it("passes with the preset, for few requests", async () => {
    const { code, complaints, of, requests } = await examinedWorld();
    expect(of("schema.field")).toMatchObject([
      { level: "pass", detail: expect.stringMatching(/: 10 of Jobs, 3 of Segments, 2 of Videos/) },
    ]);
    expect(of("schema.option")).toMatchObject([{ level: "pass", detail: "all 9 select options exist" }]);
    expect(complaints.filter((line) => !line.includes("missing outputs"))).toEqual([]);
    expect(code).toBe(0);
    expect(requests.airtable).toBeLessThanOrEqual(7);
  });

  it("passes by ids as by names", async () => {
    const yaml = "jobs: { table: tblEjYfRwCztHOF5G, fields: { status: fldqxdYmcyYNL1PFz, notes: fldx0wiUcU79napoX } }";
    const { code, of } = await examined(await openWorld(), { yaml });
    expect([code, of("schema.field")[0]?.level]).toEqual([0, "pass"]);
  });
});

describe("what the base lacks", () => {
  it("is a table, with the nearest name", async () => {
    const { code, of } = await examinedWorld({ yaml: "jobs: { table: Job }" });
    expect(code).toBe(2);
    expect(of("schema.table")).toMatchObject([
      {
        level: "fail",
        title: "jobs.table",
        detail: 'the base has no table "Job"',
        next: expect.stringContaining('Did you mean "Jobs"? Then set jobs.table to it'),
      },
    ]);
  });

  it("is a target's table, reported once for all operations that name it", async () => {
    const { of } = await examinedWorld({
      yaml: "operations: { combine: { target: { table: Clips } }, image_zoom: { target: { table: Clips } } }",
    });
    const both = /operations\.combine\.target\.table, operations\.image_zoom\.target\.table.*"Segments"/;
    expect(of("schema.table")).toMatchObject([{ next: expect.stringMatching(both) }]);
  });

  it("is a field, with the nearest name, and the jobs are not listed in vain", async () => {
    const schema = withField("Jobs", "External Job ID", { name: "External JobID" });
    const { code, of, requests } = await examinedWorld({ schema });
    expect(code).toBe(2);
    expect(of("schema.field").filter(({ level }) => failed(level))).toMatchObject([
      {
        title: "jobs.fields.externalId",
        next: 'Did you mean "External JobID"? Then set jobs.fields.externalId to it. Or run stuck-jobs init, which writes a configuration for this base.',
      },
    ]);
    expect(requests.airtable).toBe(3);
  });

  it("is a field that a configuration may do without: null is suggested", async () => {
    const { code, of } = await examinedWorld({ schema: withField("Jobs", "Webhook URL", null) });
    expect(code).toBe(2);
    const [missing] = of("schema.field").filter(({ level }) => failed(level));
    expect(missing?.next).toMatch(
      /^Set jobs\.fields\.webhookUrl to one of the existing fields: "Job ID", .* and \d more\..*null/,
    );
  });

  it("is an attachment field of a target", async () => {
    const { of } = await examinedWorld({ yaml: "operations: { combine: { attachment: Voiceover & Video } }" });
    expect(of("schema.field").filter(({ level }) => failed(level))).toMatchObject([
      { title: "operations.combine.attachment", next: expect.stringContaining('"Voiceover + Video"') },
    ]);
  });

  it("is an operation's first link", async () => {
    const { code, of } = await examinedWorld({ schema: withField("Jobs", "Related Video", null) });
    expect(code).toBe(2);
    const missing = of("schema.field").filter(({ level }) => failed(level));
    expect(missing.map(({ title }) => title)).toEqual([
      "operations.concatenate.target.links",
      "operations.add_music.target.links",
    ]);
  });

  it("may be a further link, unless it looks misspelt", async () => {
    const links = (second: string) => `operations: { combine: { target: { links: [Segments, ${second}] } } }`;
    expect((await examinedWorld({ yaml: links("Clip Of The Job") })).of("schema.field")).toHaveLength(1);
    expect((await examinedWorld({ yaml: links("Relatd Video") })).of("schema.field")).toMatchObject([
      { level: "pass" },
      { level: "warn", next: expect.stringContaining('Did you mean "Related Video"?') },
    ]);
  });

  it.each([
    ["processing", "jobs.stuckStatuses"],
    ["completed", "jobs.completedStatus"],
    ["failed", "jobs.failedStatus"],
  ])("is the status option %s", async (option, key) => {
    const { code, of } = await examinedWorld({ schema: withoutOption("Jobs", "Status", option) });
    expect(code).toBe(2);
    expect(of("schema.option").filter(({ level }) => failed(level))).toMatchObject([
      { title: key, detail: `"Status" has no option "${option}"` },
    ]);
  });

  it("is a misspelt option, with the nearest one", async () => {
    const { of } = await examinedWorld({ yaml: "jobs: { stuckStatuses: [procesing] }" });
    expect(of("schema.option").filter(({ level }) => failed(level))).toMatchObject([
      { next: 'Did you mean "processing"? Then set jobs.stuckStatuses to it.' },
    ]);
  });

  it("is an option that an operation sets: Airtable would refuse the write", async () => {
    const { code, of } = await examinedWorld({ schema: withoutOption("Segments", "Status", "combined") });
    expect(code).toBe(2);
    expect(of("schema.option").filter(({ level }) => failed(level))).toMatchObject([
      { title: "operations.combine.set.Status", next: expect.stringContaining('"Media Combined"') },
    ]);
  });

  it("is a type that no job can have, which only deserves a warning", async () => {
    const { code, of } = await examinedWorld({ yaml: "operations: { combine: { types: [combin] } }" });
    expect(code).toBe(0);
    expect(of("schema.option").filter(({ level }) => level === "warn")).toMatchObject([
      { title: "operations.combine.types", next: expect.stringContaining('Did you mean "combine"?') },
    ]);
  });
});
