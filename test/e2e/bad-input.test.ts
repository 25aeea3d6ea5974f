import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Access, FULL_ACCESS } from "../../src/sandbox/airtable/permissions.ts";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn, verdictsIn } from "./report.ts";
import { addSegment, addVideo, openWorld, realSchema, TOKEN } from "./world.ts";

const JOB = "recJob00000000001";
const SEGMENT = "recSegment0000001";
const ID = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11";
const COMBINE = { Type: "combine", "External Job ID": ID, "Request Payload": `{'segment_id': '${SEGMENT}'}` };

const NO_SCHEMA: Access = { ...FULL_ACCESS, scopes: ["data.records:read", "data.records:write"] };

/** A base with one combine job whose output is there. */
async function oneJob(options: Parameters<typeof openWorld>[0] = {}) {
  const world = await openWorld(options);
  addSegment(world, SEGMENT);
  world.job(JOB, COMBINE);
  world.output(`${ID}_output_0.mp4`);
  return world;
}

/** A folder with a configuration file. */
function configured(yaml: string): string {
  const cwd = folder();
  writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), yaml);
  return cwd;
}

describe("a wrong token or base", () => {
  it("says that there is no token", async () => {
    const { code, stderr } = await stuckJobs(["recover"], { env: { AIRTABLE_BASE_ID: "appXXXXXXXXXXXXXX" } });
    expect(code).toBe(2);
    expect(stderr).toContain("AIRTABLE_API_KEY: no Airtable token");
    expect(stderr).toContain("Nothing was written.");
  });

  it.each(["pat\nabc", "pät"])("refuses a token with a character that no token has: %j", async (token) => {
    const env = { AIRTABLE_API_KEY: token, AIRTABLE_BASE_ID: "appXXXXXXXXXXXXXX" };
    const { code, stderr } = await stuckJobs(["recover"], { env });
    expect(code).toBe(2);
    expect(stderr).toContain("AIRTABLE_API_KEY");
    expect(stderr).not.toContain(token);
  });

  it("does not repeat a token that was typed as a flag", async () => {
    const { code, stderr } = await stuckJobs(["recover", `--token=${TOKEN}`], { env: { AIRTABLE_API_KEY: TOKEN } });
    expect(code).toBe(2);
    expect(stderr).not.toContain(TOKEN);
  });

  it("names the variable that holds a wrong value", async () => {
    const env = { AIRTABLE_API_KEY: TOKEN, AIRTABLE_BASE_ID: "tblX", STUCK_JOBS_STORAGE_URL: "nope" };
    const { code, stderr } = await stuckJobs(["recover"], { env });
    expect(code).toBe(2);
    for (const name of ["AIRTABLE_BASE_ID", "STUCK_JOBS_STORAGE_URL"]) expect(stderr).toContain(`${name}: found`);
  });

  it("says that there is no base", async () => {
    const { code, stderr } = await stuckJobs(["recover"], { env: { AIRTABLE_API_KEY: TOKEN } });
    expect(code).toBe(2);
    expect(stderr).toContain("AIRTABLE_BASE_ID");
  });

  it("exits with 4 for a token that is not known, in Airtable's words and without the token", async () => {
    const world = await oneJob();
    const { code, stdout, stderr } = await stuckJobs(["recover"], {
      env: { ...world.env, AIRTABLE_API_KEY: "patWrong000000001.beef" },
    });
    expect([code, stdout]).toEqual([4, ""]);
    expect(stderr).toContain("AUTHENTICATION_REQUIRED");
    expect(stderr).not.toContain("patWrong");
  });

  it("exits with 4 for a base that the token may not see, and names the likely causes", async () => {
    const world = await oneJob();
    const { code, stderr } = await stuckJobs(["recover"], {
      env: { ...world.env, AIRTABLE_BASE_ID: "appOther000000001" },
    });
    expect(code).toBe(4);
    expect(stderr).toContain("INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND");
    expect(stderr).toContain("access list");
  });
});

describe("a configuration that does not fit the base", () => {
  const COMMANDS = ["scan", "recover", "fail-old", "doctor"];

  it.each(COMMANDS)("%s exits with 2 and names init where the base has no table of the jobs", async (command) => {
    const world = await oneJob();
    const cwd = configured("jobs: { table: Jobbs }");
    const { code, stdout, stderr } = await stuckJobs([command], { env: world.env, cwd });
    expect(code).toBe(2);
    expect(stdout + stderr).toMatch(/base has no table "Jobbs"/);
    expect(stdout + stderr).toContain("stuck-jobs init");
  });

  it.each(COMMANDS)("%s exits with 2 and names init where the status is missing", async (command) => {
    const world = await oneJob();
    const cwd = configured("jobs: { fields: { status: State } }");
    const { code, stdout, stderr } = await stuckJobs([command], { env: world.env, cwd });
    expect(code).toBe(2);
    expect(stdout + stderr).toMatch(/[Tt]able "Jobs".* has no field "State"/);
    expect(stdout + stderr).toContain("stuck-jobs init");
  });

  it.each([...COMMANDS, "watch"])(
    "%s exits with 2 and names init where no operation is configured",
    async (command) => {
      const world = await oneJob();
      const cwd = configured(
        "preset: none\njobs: { table: Jobs, fields: { status: Status, externalId: Type } }\noperations: {}",
      );
      const { code, stdout, stderr } = await stuckJobs([command], { env: world.env, cwd });
      expect(code).toBe(2);
      expect(stdout + stderr).toContain("no operation is configured");
      expect(stdout + stderr).toContain("stuck-jobs init");
    },
  );

  it("exits with 4 where the schema may not be read and the table or a permission is missing", async () => {
    const scopes = FULL_ACCESS.scopes.filter((scope) => scope !== "schema.bases:read");
    const world = await oneJob({ access: { ...FULL_ACCESS, scopes } });
    const cwd = configured("jobs: { table: Jobbs }");
    const { code, stderr } = await stuckJobs(["recover"], { env: world.env, cwd });
    expect(code).toBe(4);
    expect(stderr).toContain('If the base has no table "Jobbs", run stuck-jobs init.');
  });

  it("names a renamed field, and reads nothing as nothing stuck", async () => {
    const schema = realSchema();
    const jobs = schema.tables.find(({ name }) => name === "Jobs");
    const field = jobs?.fields.find(({ name }) => name === "External Job ID");
    if (field !== undefined) field.name = "Ext ID";
    const world = await openWorld({ schema });
    const { code, stdout, stderr } = await stuckJobs(["recover"], { env: world.env });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain('Table "Jobs" of the base has no field "External Job ID"');
    expect(stderr).toContain("stuck-jobs init");
  });

  it.each([
    ["by the schema", FULL_ACCESS, 'jobs.completedStatus: "Status" has no option "completed"'],
    ["in Airtable's words where the schema may not be read", NO_SCHEMA, "INVALID_MULTIPLE_CHOICE_OPTIONS"],
  ])("leaves a job whose new status the base has no option for, and says so %s", async (_, access, error) => {
    const schema = realSchema();
    const status = schema.tables.find(({ name }) => name === "Jobs")?.fields.find(({ name }) => name === "Status");
    if (status?.options?.choices !== undefined) {
      status.options.choices = status.options.choices.filter(({ name }) => name !== "completed");
    }
    const world = await oneJob({ schema, access });
    const { code, stdout } = await stuckJobs(["recover", "-o", "json"], { env: world.env });
    expect(code).toBe(3);
    const report = reportIn(stdout);
    expect(report.summary).toMatchObject({ recovered: 0, errors: 1 });
    expect(report.jobs[0]?.error).toContain(error);
    expect(world.fields("Jobs", JOB).Status).toBe("processing");
  });

  it.each([
    ["by the schema", FULL_ACCESS, 'the table "Segments" has no field "Voice + Video"'],
    ["in Airtable's words where the schema may not be read", NO_SCHEMA, "UNKNOWN_FIELD_NAME"],
  ])("writes nothing when the target's attachment field does not exist, and says so %s", async (_, access, error) => {
    const world = await oneJob({ access });
    const cwd = configured("operations: { combine: { attachment: Voice + Video } }");
    const { code, stdout } = await stuckJobs(["recover", "-o", "json"], { env: world.env, cwd });
    expect(code).toBe(3);
    expect(reportIn(stdout).jobs[0]?.error).toContain(error);
    expect(world.fields("Jobs", JOB).Status).toBe("processing");
  });
});

describe("a configuration that is wrong in itself", () => {
  it.each([
    ["an unknown key", "storrage: {}", 'storrage: unknown key, did you mean "storage"?'],
    ["a wrong type", "jobs: { stuckStatuses: processing }", 'jobs.stuckStatuses: found "processing"'],
    [
      "a type that two operations claim",
      "operations: { concatenate: { types: [combine] } }",
      'type "combine" belongs to operation "combine" already',
    ],
    [
      "a pattern without {externalId}",
      "operations: { combine: { outputs: [output.mp4] } }",
      "operations.combine.outputs.0",
    ],
    ["a bad URL", "storage: { baseUrl: not-a-url }", "storage.baseUrl"],
    [
      "a duration without its unit",
      "thresholds: { failAfter: 60 }",
      'thresholds.failAfter: found 60; expected a number with its unit: "90s"',
    ],
    ["one status for good and bad", "jobs: { failedStatus: completed }", "jobs.failedStatus"],
    ["a duration with a wrong unit", 'thresholds: { failAfter: "60 minutes" }', "90s"],
  ])("refuses %s", async (_, yaml, words) => {
    const { code, stdout, stderr } = await stuckJobs(["recover"], {
      env: { AIRTABLE_API_KEY: TOKEN, AIRTABLE_BASE_ID: "appXXXXXXXXXXXXXX" },
      cwd: configured(yaml),
    });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(words);
  });

  it("reports everything that is wrong at once", async () => {
    const { stderr } = await stuckJobs(["scan"], {
      env: { AIRTABLE_API_KEY: TOKEN },
      cwd: configured("thresholds: { failAfter: 60 }\nstorage: { baseUrl: x }\nnonsense: 1"),
    });
    for (const path of ["thresholds.failAfter", "storage.baseUrl", "nonsense"]) expect(stderr).toContain(path);
  });

  it("refuses a file that is no YAML", async () => {
    const { code, stderr } = await stuckJobs(["scan"], {
      env: { AIRTABLE_API_KEY: TOKEN },
      cwd: configured("a: [1\nb: {"),
    });
    expect(code).toBe(2);
    expect(stderr).toContain(".stuck-jobsrc.yaml");
  });

  it("refuses a named file that is not there", async () => {
    const { code, stderr } = await stuckJobs(["scan", "--config", "nowhere.yaml"]);
    expect(code).toBe(2);
    expect(stderr).toContain("nowhere.yaml");
  });
});

describe("wrong words on the command line", () => {
  it.each([
    [["recover", "--older-than", "5"], "--older-than", '"90s", "5m"'],
    [["recover", "--limit", "0"], "--limit", "from 1 on"],
    [["recover", "-o", "xml"], "table, json", "ndjson"],
    [["recover", "--dryrun"], "--dry-run", "--dryrun"],
    [["recovr"], "recover", "recovr"],
    [["scan", "--force"], "--force", "unknown option"],
    [["recover", "--operation", "combin", "--sandbox"], "combine", "concatenate"],
    [["recover", "--confirm", "--sandbox"], "--confirm", "terminal"],
    [["recover", "surplus"], "argument", "recover"],
  ])("refuses %j with what is allowed", async (args, ...words) => {
    const { code, stdout, stderr } = await stuckJobs(args);
    expect([code, stdout]).toEqual([2, ""]);
    for (const word of words) expect(stderr).toContain(word);
  });
});

describe("records that cannot be worked on", () => {
  it.each([
    ["a path", "../../etc/passwd"],
    ["a quote", `x'"y`],
    ["a blank", "two words"],
    ["other alphabets", "idé-灯台"],
    ["10 kB", "a".repeat(10_000)],
    ["two dots", ".."],
  ])("shows and leaves a job whose external id holds %s", async (_, id) => {
    const world = await openWorld();
    addSegment(world, SEGMENT);
    world.job(JOB, { ...COMBINE, "External Job ID": id }, 2 * 3_600_000);
    const { code, stdout } = await stuckJobs(["recover", "-o", "json"], { env: world.env });
    expect(code).toBe(0);
    expect(verdictsIn(reportIn(stdout))).toEqual([`${JOB} skip/external-id-invalid`]);
    expect(world.fields("Jobs", JOB).Status).toBe("processing");
  });

  it("finds a job by --job whatever its external id holds", async () => {
    const world = await openWorld();
    world.job(JOB, { ...COMBINE, "External Job ID": `x'"y\\` });
    const { stdout } = await stuckJobs(["scan", "-o", "json", "--job", `x'"y\\`], { env: world.env });
    expect(verdictsIn(reportIn(stdout))).toEqual([`${JOB} skip/external-id-invalid`]);
  });

  it("appends its line to notes of 5,000 characters and keeps them", async () => {
    const world = await oneJob();
    const notes = "line\n".repeat(1_000);
    world.job(JOB, { ...COMBINE, Notes: notes });
    expect((await stuckJobs(["recover"], { env: world.env })).code).toBe(0);
    const written = String(world.fields("Jobs", JOB).Notes);
    expect(written.startsWith(notes.trimEnd())).toBe(true);
    expect(written.slice(notes.length)).toMatch(/^Completed via polling at \d{4}-.* 1000000 bytes/);
  });

  it("drops a job that is deleted between the listing and the write", async () => {
    const world = await oneJob({
      after: (request, reply) => {
        if (request.method === "GET") world.base.remove("Jobs", JOB);
        return reply;
      },
    });
    const { code, stdout } = await stuckJobs(["recover", "-o", "json"], { env: world.env });
    expect(code).toBe(0);
    expect(verdictsIn(reportIn(stdout))).toEqual([`${JOB} skip/changed-meanwhile`]);
  });

  it("shows and leaves a job whose external id has blanks around it", async () => {
    const world = await openWorld();
    addSegment(world, SEGMENT);
    world.job(JOB, { ...COMBINE, "External Job ID": ` ${ID}` }, 2 * 3_600_000);
    const { stdout } = await stuckJobs(["recover", "-o", "json"], { env: world.env });
    expect(verdictsIn(reportIn(stdout))).toEqual([`${JOB} skip/external-id-invalid`]);
  });

  it("recovers the videos although the table of the segments is gone", async () => {
    const schema = realSchema();
    const segments = schema.tables.find(({ name }) => name === "Segments");
    const world = await openWorld({ schema });
    addSegment(world, SEGMENT);
    addVideo(world, "recVideo000000001");
    world.job(JOB, COMBINE);
    world.output(`${ID}_output_0.mp4`);
    world.job("recJob00000000002", {
      Type: "concatenate",
      "External Job ID": "v1",
      "Related Video": ["recVideo000000001"],
    });
    world.output("v1.mp4");
    if (segments !== undefined) segments.name = "Scenes";
    const { code, stdout, stderr } = await stuckJobs(["recover", "-o", "json"], { env: world.env });
    expect(code).toBe(3);
    expect(stderr).toContain('table "Segments"');
    expect(reportIn(stdout).summary).toMatchObject({ recovered: 1, errors: 1 });
    expect(world.fields("Jobs", "recJob00000000002").Status).toBe("completed");
  });

  it("writes the other nine where a target is deleted right before the write", async () => {
    const world = await openWorld({
      instead: (request) => {
        if (request.method === "PATCH") world.base.remove("Segments", "recSegment0000003");
        return undefined;
      },
    });
    for (let n = 0; n < 10; n += 1) {
      addSegment(world, `recSegment000000${n}`);
      world.job(`recJob0000000000${n}`, {
        Type: "combine",
        "External Job ID": `job-${n}`,
        "Request Payload": `{'segment_id': 'recSegment000000${n}'}`,
      });
      world.output(`job-${n}_output_0.mp4`);
    }
    const { code, stdout } = await stuckJobs(["recover", "-o", "json"], { env: world.env });
    expect(code).toBe(0);
    expect(reportIn(stdout).summary).toMatchObject({ recovered: 9, errors: 0, skipped: 1 });
    expect(verdictsIn(reportIn(stdout))).toContain("recJob00000000003 skip/target-missing");
    expect(world.fields("Jobs", "recJob00000000003").Status).toBe("processing");
  });

  it.each([
    ["skip", "skip/target-occupied", ["by hand.mp4"]],
    ["replace", "recover/output-found", [`${ID}_output_0.mp4`]],
    ["append", "recover/output-found", ["by hand.mp4", `${ID}_output_0.mp4`]],
  ])("treats a field that holds another file as onExisting: %s says", async (onExisting, verdict, files) => {
    const world = await oneJob();
    world.base.edit("Segments", SEGMENT, {
      "Voiceover + Video": [{ id: "attHand0000000001", url: "https://x/y", filename: "by hand.mp4", size: 7 }],
    });
    const cwd = configured(`operations: { combine: { onExisting: ${onExisting} } }`);
    const { stdout } = await stuckJobs(["recover", "-o", "json"], { env: world.env, cwd });
    expect(verdictsIn(reportIn(stdout))).toEqual([`${JOB} ${verdict}`]);
    const cell = world.fields("Segments", SEGMENT)["Voiceover + Video"];
    expect(JSON.stringify(cell).match(/"filename":"[^"]+"/g)).toEqual(files.map((name) => `"filename":"${name}"`));
  });
});
