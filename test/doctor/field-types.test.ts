import { describe, expect, it } from "vitest";
import { examinedWorld, withField } from "./doctor-world.ts";

describe("a field's type", () => {
  it.each([
    ["Jobs", "Status", "number", "jobs.fields.status", "a single select, or a text"],
    ["Jobs", "External Job ID", "checkbox", "jobs.fields.externalId", "a text"],
    ["Jobs", "Request Payload", "multipleAttachments", "jobs.fields.requestPayload", "a text"],
    ["Jobs", "Notes", "formula", "jobs.fields.notes", "a long text"],
    ["Jobs", "Error Details", "singleSelect", "jobs.fields.error", "a long text"],
    ["Segments", "Voiceover + Video", "url", "operations.combine.attachment", "an attachment field"],
    ["Segments", "Status", "checkbox", "operations.combine.set", 'a select or a text, for "combined"'],
    ["Jobs", "Segments", "checkbox", "operations.combine.target.links", 'a link to "Segments"'],
  ])("of %s %s cannot be %s", async (table, name, type, key, wanted) => {
    const { code, of } = await examinedWorld({ schema: withField(table, name, { type, options: {} }) });
    expect(code).toBe(2);
    const [first] = of("schema.type");
    expect(first).toMatchObject({ level: "fail", title: key, detail: expect.stringContaining(`expected ${wanted}`) });
    expect(first?.next).toContain(`name another field in ${key}`);
  });

  it.each(["singleLineText", "richText"])("%s is poor for notes, but works", async (type) => {
    const { code, of } = await examinedWorld({ schema: withField("Jobs", "Notes", { type }) });
    expect(code).toBe(0);
    expect(of("schema.type")).toMatchObject([{ level: "warn", title: "jobs.fields.notes" }]);
  });

  it("of a link to another table is reported with that table", async () => {
    const schema = withField("Jobs", "Segments", { options: { linkedTableId: "tblQP6jkQ5od8aeUi" } });
    const [first] = (await examinedWorld({ schema })).of("schema.type");
    expect(first?.detail).toBe('"Segments" is a link to "Videos"; expected a link to "Segments"');
  });

  it("of startedAt has to be a date, or a formula that gives one", async () => {
    const yaml = 'jobs: { fields: { startedAt: "Last Modified time" } }';
    const options = (type: string) => ({ options: { result: { type } } });
    const wrong = await examinedWorld({ yaml, schema: withField("Jobs", "Last Modified time", options("number")) });
    expect(wrong.of("schema.type")).toMatchObject([{ level: "fail", title: "jobs.fields.startedAt" }]);
    const right = await examinedWorld({ yaml, schema: withField("Jobs", "Last Modified time", options("dateTime")) });
    expect(right.of("schema.type")).toEqual([]);
  });
});
