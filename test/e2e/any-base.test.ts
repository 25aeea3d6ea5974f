import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FULL_ACCESS } from "../../src/sandbox/airtable/permissions.ts";
import { type ForeignBase, LOST, lookupsAndNames, oneTable, READY, statusOnly, twoBuckets, urlField } from "./bases.ts";
import { folder, stuckJobs } from "./cli.ts";

const FILE = ".stuck-jobsrc.yaml";

/** Goes from init to recover as a new user does, without editing the file. */
async function firstUse({ world: { env }, flags }: ForeignBase) {
  const cwd = folder();
  const init = await stuckJobs(["init", "--yes", ...flags], { env, cwd });
  expect(`${init.code}\n${init.stderr}\n${init.stdout}`).toMatch(/^0\n/);
  const file = readFileSync(join(cwd, FILE), "utf8");
  const recover = await stuckJobs(["recover", "-o", "json"], { env, cwd });
  expect({ code: recover.code, stderr: recover.stderr }).toEqual({ code: 0, stderr: "" });
  const { summary } = JSON.parse(recover.stdout);
  const again = await stuckJobs(["recover"], { env, cwd });
  expect(again).toMatchObject({ code: 0, stdout: "" });
  return { init, file, summary };
}

const WHOLE = { recovered: 1, failed: 1, unknown: 0, skipped: 0, errors: 0 };

describe("from init to recover, without editing a file", () => {
  it("a base of one table, whose file goes into an attachment field of the job", async () => {
    const base = await oneTable();
    const { file, summary } = await firstUse(base);
    expect(file.split("\n").length).toBeLessThanOrEqual(21);
    expect(summary).toMatchObject(WHOLE);
    expect(base.world.fields(base.table, READY)).toMatchObject({
      State: "Ready",
      Image: [expect.objectContaining({ filename: "r-9934c2_thumb.jpg" })],
    });
    expect(base.world.fields(base.table, LOST)).toMatchObject({ State: "Failed" });
  });

  it("a base that keeps the link to the file in a URL field", async () => {
    const base = await urlField();
    const { file, summary } = await firstUse(base);
    expect(file.split("\n").length).toBeLessThanOrEqual(21);
    expect(summary).toMatchObject(WHOLE);
    const { "Video URL": url, Status: status } = base.world.fields(base.table, READY);
    expect([url, status]).toEqual([`${base.world.storageUrl}/renders/r-9934c2.mp4`, "Done"]);
    expect(base.world.fields(base.table, LOST)).toMatchObject({ Status: "Error" });
  });

  it("a base with two buckets, whose files are in folders", async () => {
    const base = await twoBuckets();
    const { file, summary } = await firstUse(base);
    expect(file.split("\n").length).toBeLessThanOrEqual(21);
    expect(summary).toMatchObject(WHOLE);
    expect(base.world.fields("Clips", "recClip0000000090")).toMatchObject({
      Speech: [expect.objectContaining({ filename: "r-9934c2.mp3" })],
    });
  });

  it("a base whose ids are lookups, and whose targets are named by their names", async () => {
    const base = await lookupsAndNames();
    const { file, summary } = await firstUse(base);
    expect(file.split("\n").length).toBeLessThanOrEqual(21);
    expect(summary).toMatchObject(WHOLE);
    expect(base.world.fields("Albums", "recAlbum000000090")).toMatchObject({
      Archive: [expect.objectContaining({ filename: "r-9934c2.zip" })],
    });
  });

  it("a base that has nothing but a status", async () => {
    const base = await statusOnly();
    const { file, summary } = await firstUse(base);
    expect(file.split("\n").length).toBeLessThanOrEqual(21);
    expect(summary).toMatchObject(WHOLE);
    expect(base.world.fields(base.table, READY)).toMatchObject({ Status: "done" });
    expect(base.world.fields(base.table, LOST)).toMatchObject({ Status: "broken" });
  });

  it("a base whose schema the token may not read, with the table named", async () => {
    const scopes = FULL_ACCESS.scopes.filter((scope) => scope !== "schema.bases:read");
    const base = await urlField({ access: { ...FULL_ACCESS, scopes } });
    const { file, summary } = await firstUse({ ...base, flags: ["--table", base.table, "--failed", "Error"] });
    expect(file.split("\n").length).toBeLessThanOrEqual(21);
    expect(summary).toMatchObject(WHOLE);
    expect(base.world.fields(base.table, READY)).toMatchObject({
      "Video URL": `${base.world.storageUrl}/renders/r-9934c2.mp4`,
      Status: "Done",
    });
  });
});
