import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Access, FULL_ACCESS } from "../../src/sandbox/airtable/permissions.ts";
import { parseSchema } from "../../src/sandbox/airtable/schema.ts";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { openWorld } from "./world.ts";

function options(names: readonly string[]) {
  return { choices: names.map((name, n) => ({ id: `selOption0000000${n}`, name })) };
}

/** Jobs whose status is of a type and has options, and clips with an attachment, a URL and a state. */
function schemaWith(type: string, statuses: readonly string[]) {
  return parseSchema({
    tables: [
      {
        id: "tblJobs0000000001",
        name: "Jobs",
        primaryFieldId: "fldTask0000000001",
        fields: [
          { id: "fldTask0000000001", name: "Ext", type: "singleLineText" },
          {
            id: "fldStatus00000001",
            name: "Status",
            type,
            ...(type === "formula" ? {} : { options: options(statuses) }),
          },
          { id: "fldType0000000001", name: "Type", type: "singleLineText" },
          {
            id: "fldTarget00000001",
            name: "Target",
            type: "multipleRecordLinks",
            options: { linkedTableId: "tblClips000000001" },
          },
          { id: "fldLog00000000001", name: "Log", type: "multilineText" },
        ],
      },
      {
        id: "tblClips000000001",
        name: "Clips",
        primaryFieldId: "fldName0000000001",
        fields: [
          { id: "fldName0000000001", name: "Name", type: "singleLineText" },
          { id: "fldClip0000000001", name: "Clip", type: "multipleAttachments" },
          { id: "fldUrl00000000001", name: "Clip URL", type: "url" },
          { id: "fldState000000001", name: "State", type: "singleSelect", options: options(["ok"]) },
        ],
      },
    ],
  });
}

interface Given {
  readonly type?: string;
  readonly statuses?: readonly string[];
  /** Of the operation `render`; the operation `preview` always fits. */
  readonly delivery?: string;
  readonly access?: Access;
  /** Further settings of the jobs. */
  readonly jobs?: string;
}

/** A base with one stuck job of each of two operations, both of whose outputs exist. */
async function clipsWorld({
  type = "singleSelect",
  statuses = ["processing", "completed", "failed"],
  delivery = "attachment: Clip",
  access = FULL_ACCESS,
  jobs = "",
}: Given = {}) {
  const world = await openWorld({ schema: schemaWith(type, statuses), access });
  const cwd = folder();
  const target = "outputs: ['{externalId}.mp4'], target: { table: Clips, links: [Target] }";
  writeFileSync(
    join(cwd, ".stuck-jobsrc.yaml"),
    `
preset: none
jobs: { table: Jobs, fields: { status: Status, externalId: Ext, type: Type, notes: Log }${jobs} }
operations:
  render: { types: [render], ${target}, ${delivery} }
  preview: { types: [preview], ${target}, attachment: Clip }
`,
  );
  for (const [n, of] of ["render", "preview"].entries()) {
    const clip = `recClip000000000${n}`;
    world.base.upsert("Clips", { id: clip, createdTime: "2026-01-01T00:00:00.000Z", fields: {} });
    world.job(`recJob0000000000${n}`, { Ext: of, Type: of, Target: [clip] });
    world.output(`${of}.mp4`);
  }
  const writes = () => world.requests.filter(({ method }) => method === "PATCH");
  const schemaReads = () => world.requests.filter(({ path }) => path.includes("/meta/"));
  const recover = async (...args: string[]) => {
    const { code, stdout } = await stuckJobs(["recover", "-o", "json", ...args], { cwd, env: world.env });
    return {
      code,
      errors: Object.fromEntries(reportIn(stdout).jobs.map(({ externalId, error }) => [externalId, error])),
    };
  };
  const plain = () => stuckJobs(["recover"], { cwd, env: world.env });
  return { world, recover, plain, writes, schemaReads };
}

describe("recover, before its first write to a base,", () => {
  it.each<[string, Given, string]>([
    ["a status that is a formula", { type: "formula" }, '"Status" is a formula'],
    [
      "a status without the option",
      { statuses: ["processing", "Completed", "failed"] },
      '"Status" has no option "completed". Did you mean "Completed"?',
    ],
  ])("refuses %s, by name, and no target gets its file", async (_, given, expected) => {
    const { recover, writes } = await clipsWorld(given);
    const { code, errors } = await recover();
    expect([code, errors.render, errors.preview]).toEqual([
      3,
      expect.stringContaining(expected),
      expect.stringContaining(expected),
    ]);
    expect(writes()).toEqual([]);
    expect((await recover()).code).toBe(3);
    expect(writes()).toEqual([]);
  });

  it.each<[string, string, string]>([
    ["a URL field for an attachment", 'attachment: "Clip URL"', '"Clip URL" is a URL; expected an attachment field'],
    ["an attachment field for a URL", "deliver: { field: Clip, as: url }", '"Clip" is an attachment field'],
    ["an option of set that is missing", "attachment: Clip, set: { State: fine }", '"State" has no option "fine"'],
  ])("refuses %s, by name, and no other operation is held up", async (_, delivery, expected) => {
    const { world, recover } = await clipsWorld({ delivery });
    const { code, errors } = await recover();
    expect([code, errors.render, errors.preview]).toEqual([3, expect.stringContaining(expected), null]);
    expect(world.fields("Clips", "recClip0000000000")).toEqual({});
    expect(world.fields("Jobs", "recJob00000000001").Status).toBe("completed");
  });

  it("warns of a stuck status that is no option of the field, and recovers the jobs of the other", async () => {
    const { plain, writes } = await clipsWorld({ jobs: ", stuckStatuses: [processing, procesing]" });
    const { code, stderr } = await plain();
    expect([code, writes().length]).toEqual([0, 2]);
    expect(stderr).toContain(
      'jobs.stuckStatuses: "Status" has no option "procesing", so no job has it. Did you mean "processing"?',
    );
  });

  it("says why in a cron mail, once for all jobs", async () => {
    const { plain } = await clipsWorld({ type: "formula" });
    const { stdout, stderr } = await plain();
    expect(stdout).toContain("2 errors");
    expect(stderr).toMatch(/2 jobs \(rec\w+, rec\w+\): not tried: jobs\.fields\.status: "Status" is a formula/);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  it("reads the schema once, and no more when it has written", async () => {
    const { world, recover, schemaReads } = await clipsWorld();
    expect(await recover("--operation", "render")).toEqual({ code: 0, errors: { render: null } });
    expect(schemaReads()).toHaveLength(1);
    expect((await recover()).code).toBe(0);
    expect(schemaReads()).toHaveLength(1);
    expect(world.fields("Jobs", "recJob00000000001").Status).toBe("completed");
  });

  it("goes on where the token may not read the schema", async () => {
    const access: Access = { ...FULL_ACCESS, scopes: ["data.records:read", "data.records:write"] };
    const { recover } = await clipsWorld({ access });
    expect((await recover()).code).toBe(0);
  });

  it("tries all the same with --force", async () => {
    const { recover, writes, schemaReads } = await clipsWorld({ delivery: 'attachment: "Clip URL"' });
    expect((await recover("--force")).code).toBe(3);
    expect([writes().length > 0, schemaReads()]).toEqual([true, []]);
  });
});
