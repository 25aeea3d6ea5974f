import { expect, it } from "vitest";
import { examinedWorld, withField } from "./doctor-world.ts";

it("warns of names without the external id where only the creation of the record is known", async () => {
  const { of } = await examinedWorld({ yaml: 'operations: { combine: { outputs: ["{recordId}.mp4"] } }' });
  expect(of("start")).toMatchObject([{ level: "warn", detail: expect.stringContaining("outputs of combine") }]);
});

it("warns of jobs that wait as pending, and says which field to add", async () => {
  const { of } = await examinedWorld({ yaml: "jobs: { stuckStatuses: [processing, pending] }" });
  expect(of("start")).toMatchObject([{ level: "warn", next: expect.stringContaining("jobs.fields.startedAt") }]);
});

it.each([
  ["date", "without one a job is failed only after the end of its day"],
  ["lastModifiedTime", "this one changes with every edit"],
])("warns of a start of the type %s", async (type, why) => {
  const schema = withField("Jobs", "Result", { type });
  const { of } = await examinedWorld({ schema, yaml: "jobs: { fields: { startedAt: Result } }" });
  const [warned] = of("schema.type");
  expect(warned).toMatchObject({ level: "warn", title: "jobs.fields.startedAt", detail: expect.stringContaining(why) });
});

it("has nothing against a date with a time", async () => {
  const schema = withField("Jobs", "Result", { type: "dateTime" });
  const { complaints } = await examinedWorld({ schema, yaml: "jobs: { fields: { startedAt: Result } }" });
  expect(complaints.filter((each) => each.includes("start"))).toEqual([]);
});
