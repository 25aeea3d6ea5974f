import { appendFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HOUR } from "../support/builders.ts";
import { serve } from "../support/servers.ts";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, openWorld } from "./world.ts";

const JOURNAL = "journal-appE2e00000000001.ndjson";
const NOTHING_TOLD = {
  completedByPolling: 0,
  viaWebhook: 0,
  failedByPolling: 0,
  lateOutputs: 0,
  moments: 0,
  gone: 0,
  undone: 0,
  unconfirmed: 0,
  unchecked: 0,
};

const idOf = (name: string) => `recJobs${name.padStart(10, "0")}`;

/** A base with stuck combine jobs; those named with an output can be recovered. */
async function worldOf(jobs: Readonly<Record<string, "output" | "lost">>, env: Record<string, string> = {}) {
  const [world, cwd] = [await openWorld(), folder()];
  for (const [name, output] of Object.entries(jobs)) {
    const segment = `recSegs${name.padStart(10, "0")}`;
    addSegment(world, segment);
    const fields = { Type: "combine", "External Job ID": `e-${name}`, Segments: [segment] };
    world.job(idOf(name), fields, output === "lost" ? 2 * HOUR : undefined);
    if (output === "output") world.output(`e-${name}_output_0.mp4`);
  }
  const cli = (...args: string[]) => stuckJobs(args, { cwd, env: { ...world.env, ...env } });
  const stats = async (...args: string[]) => JSON.parse((await cli("stats", "-o", "json", ...args)).stdout);
  return { world, cwd, cli, stats, journal: join(cwd, ".state/stuck-jobs", JOURNAL) };
}

describe("stats, with the journal", () => {
  it("knows what runs did about records that were edited or deleted since, and counts no job twice", async () => {
    const { world, cli, stats, cwd } = await worldOf({ a: "output", b: "output", c: "output", d: "output", f: "lost" });
    expect((await cli("recover")).code).toBe(0);
    await cli("undo", "--job", "e-d");
    const { journal, ...untouched } = await stats();
    const counts = { jobs: 5, byWebhook: 0, byPolling: 3, failedByPolling: 1, working: 1 };
    expect(untouched.total).toMatchObject(counts);
    expect(journal).toMatchObject({ ...NOTHING_TOLD, runs: 1, undone: 1 });

    world.base.edit("Jobs", idOf("b"), { Notes: "tidied up", "Response Payload": null });
    world.base.edit("Jobs", idOf("f"), { Notes: null, "Error Details": "see the tracker" });
    world.base.remove("Jobs", idOf("c"));
    world.requests.length = 0;
    const report = await stats("--html", "a.html");
    expect(report.total).toMatchObject(counts);
    expect([report.recovery.jobs, report.failures]).toEqual([3, [{ by: "polling", reason: "output-absent", jobs: 1 }]]);
    expect(report.journal).toMatchObject({
      path: expect.stringContaining(JOURNAL),
      ...{ ...NOTHING_TOLD, completedByPolling: 1, failedByPolling: 1, gone: 1, undone: 1 },
    });
    expect([report.requests.airtable, world.requests.length]).toEqual([2, 2]);
    expect(report.days.reduce((sum: number, { jobs }: { jobs: number }) => sum + jobs, 0)).toBe(5);

    const { stdout } = await cli("stats");
    expect(stdout).toContain("sources           4 jobs from the base; the journal (1 run) adds\n");
    expect(stdout).toContain("\n                  1 deleted from the base since\n");
    expect(readFileSync(join(cwd, "a.html"), "utf8")).toContain("1 deleted from the base since");
    const { total, ...without } = await stats("--journal", "none");
    expect(total).toMatchObject({ jobs: 4, byWebhook: 1, byPolling: 1, failedByPolling: 0, failedByOthers: 1 });
    expect(without.journal).toBeNull();
  });

  it("takes no job for deleted that lies outside the window by the base's own date", async () => {
    const moved = await worldOf({ a: "output" });
    await moved.cli("recover");
    const { fields } = moved.world.base.record("Jobs", idOf("a")) ?? { fields: {} };
    moved.world.base.upsert("Jobs", { id: idOf("a"), createdTime: "2020-01-01T00:00:00.000Z", fields });
    expect(await moved.stats()).toMatchObject({ total: { jobs: 0 }, journal: { gone: 0, runs: 1 } });
  });

  it("counts a job by polling whose webhook had to be sent again", async () => {
    const { world, cwd, cli, stats } = await worldOf({});
    addSegment(world, "recSegs00000000w1");
    world.output("e-w_output_0.mp4");
    const app = await serve(async (_, response) => {
      world.base.edit("Jobs", idOf("w"), { Status: "completed" });
      response.end("OK");
    });
    const webhook = `${app.url}/webhooks/nca-toolkit?operation=combine&key=hush`;
    const fields = {
      Type: "combine",
      "External Job ID": "e-w",
      Segments: ["recSegs00000000w1"],
      "Webhook URL": webhook,
    };
    world.job(idOf("w"), fields);
    writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), `webhooks: { allowHosts: ["127.0.0.1:${app.port}"] }`);
    const { jobs, runId } = reportIn((await cli("recover", "--via", "webhook", "-o", "json")).stdout);
    expect(jobs[0]).toMatchObject({ applied: true });
    expect(await stats("--journal", "none")).toMatchObject({ total: { byWebhook: 1, byPolling: 0 } });
    const report = await stats();
    expect(report).toMatchObject({ total: { byWebhook: 0, byPolling: 1, lost: 1 }, recovery: { jobs: 1 } });
    expect(report.journal).toMatchObject({ ...NOTHING_TOLD, runs: 1, viaWebhook: 1 });
    const text = readFileSync(join(cwd, ".state/stuck-jobs", JOURNAL), "utf8");
    expect(text).toContain('"kind":"webhook"');
    expect(text.split("\n").filter((line) => line.includes('"kind":"webhook"') && line.includes("hush"))).toEqual([]);
    const undo = await cli("undo", runId);
    expect([undo.code, undo.stderr]).toEqual([2, expect.stringContaining("the application's handler wrote")]);
  }, 30_000);

  it("reads files that were set aside, passes over torn lines, and over the lines of another base", async () => {
    const { world, cli, stats, journal } = await worldOf({ a: "output", b: "output" });
    await cli("recover", "--job", "e-a");
    renameSync(journal, `${journal}.1`);
    appendFileSync(`${journal}.1`, '{"schema":"stuck-jobs/journal@1","kind":"wri');
    await cli("recover", "--job", "e-b");
    const foreign = readFileSync(journal, "utf8")
      .replaceAll("appE2e00000000001", "appOther000000001")
      .replaceAll(idOf("b"), idOf("x"));
    appendFileSync(journal, `${foreign}{"schema":"stuck-jobs/journal@1","kind":"write","at":`);
    for (const name of ["a", "b"]) world.base.edit("Jobs", idOf(name), { Notes: null, "Response Payload": null });
    const report = await stats();
    expect(report.total).toMatchObject({ jobs: 2, byPolling: 2 });
    expect(report.journal).toMatchObject({ ...NOTHING_TOLD, runs: 2, completedByPolling: 2 });
    expect(report.requests.airtable).toBe(1);
  });

  it("says where the journal that was asked for is not there, and counts without the one that may be", async () => {
    const { cli, stats } = await worldOf({ a: "output" });
    expect((await stats()).journal).toBeNull();
    const { code, stderr, stdout } = await cli("stats", "--journal", "none.ndjson");
    expect([code, stdout, stderr]).toEqual([2, "", expect.stringContaining("none.ndjson")]);
  });
});
