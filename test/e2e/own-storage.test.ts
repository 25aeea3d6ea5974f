import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HOUR, MINUTE } from "../support/builders.ts";
import { CREDENTIALS, type S3Options, serveS3 } from "../support/s3.ts";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, addVideo, openWorld } from "./world.ts";

const SEGMENT = "recSegment0000001";
const VIDEO = "recVideo000000001";
const COMBINE = "recJobCombine0001";
const MUSIC = "recJobMusic000001";

const KEY = {
  ARCHIVE_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
  ARCHIVE_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
};

/**
 * The preset's base, where add_music has a private bucket of its own with a folder in it. The general bucket answers 403
 * for what is missing, the private one 404 to a key that may list.
 */
async function twoBuckets({
  age = 10 * MINUTE,
  env = KEY,
  ...options
}: S3Options & { age?: number; env?: object } = {}) {
  const world = await openWorld();
  const s3 = await serveS3({ now: Date.now, ...options });
  addSegment(world, SEGMENT);
  addVideo(world, VIDEO);
  const addJob = (id: string, type: string, externalId: string, fields = {}, of = age) =>
    world.job(id, { Type: type, "External Job ID": externalId, ...fields }, of);
  addJob(COMBINE, "combine", "c1", { "Request Payload": `{'segment_id': '${SEGMENT}'}` });
  addJob(MUSIC, "add_music_to_video", "m1", { "Request Payload": `{'video_id': '${VIDEO}'}` });
  const cwd = folder();
  const storage = `{ baseUrl: "${s3.url}/clips/music", credentials: { prefix: ARCHIVE } }`;
  writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), `operations: { add_music: { storage: ${storage} } }`);
  const run = (...args: string[]) => stuckJobs(args, { cwd, env: { ...world.env, ...env } });
  const reasons = async (...args: string[]) =>
    Object.fromEntries(reportIn((await run(...args, "-o", "json")).stdout).jobs.map(({ id, reason }) => [id, reason]));
  return { world, s3, run, reasons, addJob };
}

describe("an operation with a storage of its own", () => {
  it("has its outputs found and delivered from there, by a link of its own key", async () => {
    const { world, s3, run } = await twoBuckets();
    world.output("c1_output_0.mp4");
    s3.objects.set("music/m1_output_0.mp4", Buffer.from("a song"));
    const { code, stdout } = await run("recover", "-o", "json");
    const report = reportIn(stdout);
    expect([code, report.summary]).toMatchObject([0, { recovered: 2, errors: 0 }]);
    expect(report.jobs.find(({ id }) => id === MUSIC)?.output?.url).toBe(`${s3.url}/clips/music/m1_output_0.mp4`);
    const writes = world.requests.filter(({ method }) => method === "PATCH").map(({ body }) => body);
    const [link = ""] = /http[^"]*m1_output_0[^"]*X-Amz-Signature=[0-9a-f]{64}/.exec(writes.join("\n")) ?? [];
    expect(await (await fetch(link)).text()).toBe("a song");
    expect(writes.join("\n")).toContain(`${world.storageUrl}/c1_output_0.mp4"`);
    expect(stdout).not.toContain("X-Amz-Signature");
  });

  it("is not looked for in the general one, nor the others in it", async () => {
    const { world, s3, reasons } = await twoBuckets();
    world.output("m1_output_0.mp4");
    s3.objects.set("music/c1_output_0.mp4", Buffer.from("a film"));
    expect(await reasons("recover")).toEqual({ [COMBINE]: "output-not-visible", [MUSIC]: "output-pending" });
  });

  it("is calibrated by itself: sight in one storage fails nobody in the other", async () => {
    const { world, s3, addJob, reasons } = await twoBuckets({ age: 2 * HOUR });
    addJob("recJobKnown000001", "add_music_to_video", "known", { Status: "completed" }, 20 * HOUR);
    s3.objects.set("music/known_output_0.mp4", Buffer.from("a song"));
    expect(await reasons("recover")).toEqual({ [COMBINE]: "absence-unproven", [MUSIC]: "output-absent" });
    expect(world.fields("Jobs", COMBINE).Status).toBe("processing");
    expect(world.fields("Jobs", MUSIC).Status).toBe("failed");
    expect(world.fields("Jobs", MUSIC)["Error Details"]).toContain(
      '"missing" looks like there: a random key answers HTTP 404',
    );
  });

  it("fails its own jobs by sight in its own storage, where only the other one is closed", async () => {
    const { world, s3, addJob, reasons } = await twoBuckets({ age: 2 * HOUR, mayList: false });
    addJob("recJobKnown000001", "combine", "known", { Status: "completed" }, 20 * HOUR);
    world.output("known_output_0.mp4");
    addJob("recJobKnown000002", "add_music_to_video", "sung", { Status: "completed" }, 20 * HOUR);
    s3.objects.set("music/sung_output_0.mp4", Buffer.from("a song"));
    expect(await reasons("recover")).toEqual({ [COMBINE]: "output-absent", [MUSIC]: "absence-unproven" });
    expect(world.fields("Jobs", MUSIC).Status).toBe("processing");
  });

  it("is shown by explain, with what missing looks like there", async () => {
    const { s3, run } = await twoBuckets();
    s3.objects.set("music/m1.mp4", Buffer.from("a song"));
    const { stdout } = await run("explain", "m1");
    expect(stdout).toContain(`${s3.url}/clips/music/m1.mp4`);
    expect(stdout).toContain("HTTP 404");
  });

  it("is checked by doctor under its own name, and a wrong key of it is named", async () => {
    const good = await (await twoBuckets()).run("doctor");
    expect(good.stdout).toMatch(/credentials of add_music +accepted: requests are signed/);
    const { run } = await twoBuckets({ env: { ...KEY, ARCHIVE_SECRET_ACCESS_KEY: "an-other" } });
    const bad = await run("doctor");
    expect([bad.code, bad.stdout]).toEqual([
      2,
      expect.stringMatching(/credentials of add_music.*SignatureDoesNotMatch/),
    ]);
    expect(bad.stdout).not.toContain("an-other");
  });

  it("stops a run where its key is refused or not set: 2 before anything was written, 3 after", async () => {
    const refused = await twoBuckets({ env: { ...KEY, ARCHIVE_SECRET_ACCESS_KEY: "an-other" } });
    refused.world.output("c1_output_0.mp4");
    const { code, stderr } = await refused.run("recover");
    expect(stderr).toContain("SignatureDoesNotMatch");
    const wasWritten = refused.world.requests.some(({ method }) => method === "PATCH");
    expect([
      [2, false],
      [3, true],
    ]).toContainEqual([code, wasWritten]);
    expect(refused.world.fields("Jobs", MUSIC).Status).toBe("processing");
    const unset = await (await twoBuckets({ env: {} })).run("scan");
    expect([unset.code, unset.stderr]).toEqual([2, expect.stringContaining("ARCHIVE_ACCESS_KEY_ID")]);
  });

  it("is replayed by what the run found out about it", async () => {
    const { s3, addJob, run } = await twoBuckets({ age: 2 * HOUR });
    addJob("recJobKnown000001", "add_music_to_video", "known", { Status: "completed" }, 20 * HOUR);
    s3.objects.set("music/known_output_0.mp4", Buffer.from("a song"));
    await run("recover", "--journal", "journal.ndjson");
    expect((await run("replay", "--journal", "journal.ndjson")).stdout).toContain("No verdict would differ");
  });
});
