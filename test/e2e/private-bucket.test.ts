import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HOUR, MINUTE } from "../support/builders.ts";
import { doneJob, startNca } from "../support/nca.ts";
import { CREDENTIALS, type S3Options, serveS3 } from "../support/s3.ts";
import { folder, stuckJobs } from "./cli.ts";
import { addSegment, openWorld } from "./world.ts";

const JOB = "recJob00000000001";
const SEGMENT = "recSegment0000001";
const ID = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11";
const FILE = `${ID}_output_0.mp4`;
const KEY = {
  STUCK_JOBS_S3_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
  STUCK_JOBS_S3_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
};

/** A base with one combine job whose output, if it has one, is in a private bucket. */
async function privateWorld({ age = 10 * MINUTE, ...options }: S3Options & { readonly age?: number } = {}) {
  const world = await openWorld();
  const s3 = await serveS3({ now: Date.now, ...options });
  addSegment(world, SEGMENT);
  world.job(JOB, { Type: "combine", "External Job ID": ID, "Request Payload": `{'segment_id': '${SEGMENT}'}` }, age);
  const recover = (env: Record<string, string> = KEY, bucket = "clips", cwd = folder()) =>
    stuckJobs(["recover", "-v", "-o", "json"], {
      cwd,
      env: { ...world.env, STUCK_JOBS_STORAGE_URL: `${s3.url}/${bucket}`, ...env },
    });
  const writes = () => world.requests.filter(({ method }) => method === "PATCH");
  return { world, s3, recover, writes };
}

describe("a private bucket", () => {
  it("has its outputs delivered by a link that Airtable can fetch, and that stands nowhere else", async () => {
    const { world, s3, recover, writes } = await privateWorld();
    s3.objects.set(FILE, Buffer.from("a film"));
    const { code, stdout, stderr } = await recover();
    expect([code, JSON.parse(stdout).summary.recovered]).toEqual([0, 1]);
    expect(world.fields("Jobs", JOB).Status).toBe("completed");
    const [link = ""] =
      /http[^"]*X-Amz-Signature=[0-9a-f]{64}/.exec(
        writes()
          .map(({ body }) => body)
          .join("\n"),
      ) ?? [];
    const fetched = await fetch(link);
    expect([fetched.status, await fetched.text()]).toEqual([200, "a film"]);
    const elsewhere = [stdout, stderr, JSON.stringify(world.fields("Jobs", JOB))].join("\n");
    expect(elsewhere).toContain(FILE);
    expect(elsewhere).not.toContain("X-Amz-Signature");
    expect(elsewhere).not.toContain(CREDENTIALS.secretAccessKey);
  });

  it("says of a missing output that it is missing, and the job is failed when it is old enough", async () => {
    const { world, s3, recover } = await privateWorld({ age: 2 * HOUR });
    const known = { Status: "completed", Type: "combine", "External Job ID": "known" };
    world.job("recJobKnown000001", known, 20 * HOUR);
    s3.objects.set("known_output_0.mp4", Buffer.from("a film"));
    expect((await recover()).code).toBe(0);
    expect(world.fields("Jobs", JOB).Status).toBe("failed");
  });

  it("does not say it to a key that may not list: the job is left alone", async () => {
    const { world, recover, writes } = await privateWorld({ age: 2 * HOUR, mayList: false });
    const { stdout } = await recover();
    expect(JSON.parse(stdout).summary.unknown).toBe(1);
    expect(writes()).toEqual([]);
    expect(world.fields("Jobs", JOB).Status).toBe("processing");
  });

  it("takes its key from AWS's variables where the configuration says so", async () => {
    const { world, s3, recover } = await privateWorld();
    s3.objects.set(FILE, Buffer.from("a film"));
    const cwd = folder();
    writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), "storage: { credentials: { from: aws } }");
    const aws = {
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    };
    await recover(aws);
    expect(world.fields("Jobs", JOB).Status).toBe("processing");
    await recover(aws, "clips", cwd);
    expect(world.fields("Jobs", JOB).Status).toBe("completed");
  });
});

describe("a key that the storage refuses", () => {
  it.each<[string, S3Options, Record<string, string>, string]>([
    ["with a wrong secret", {}, { ...KEY, STUCK_JOBS_S3_SECRET_ACCESS_KEY: "an-other" }, "SignatureDoesNotMatch"],
    ["that it does not know", { keys: [] }, KEY, "InvalidAccessKeyId"],
    ["because of the clock", { now: () => Date.now() - HOUR }, KEY, "RequestTimeTooSkewed"],
    ["because of the region", { region: "eu-test-1" }, KEY, "AuthorizationHeaderMalformed"],
  ])("%s stops the run with its code before anything is written", async (_, options, env, code) => {
    const { recover, writes } = await privateWorld({ age: 2 * HOUR, ...options });
    const ran = await recover(env);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(code);
    expect(ran.stderr).not.toContain("an-other");
    expect(writes()).toEqual([]);
  });

  it("for a bucket that is not there stops the run: nothing is failed for it", async () => {
    const { recover, writes } = await privateWorld({ age: 2 * HOUR });
    const ran = await recover(KEY, "clisp");
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining("NoSuchBucket")]);
    expect(writes()).toEqual([]);
  });
});

it("the sandbox is not shown the key to another place", async () => {
  const cwd = folder();
  const { code, stdout } = await stuckJobs(["scan", "--sandbox", "-o", "json"], { cwd, env: KEY });
  const plain = await stuckJobs(["scan", "--sandbox", "-o", "json"], { cwd });
  expect(code).toBe(0);
  expect(JSON.parse(stdout).summary).toEqual(JSON.parse(plain.stdout).summary);
});

it("a provider that names another bucket of the same host gets neither a signed request nor a link", async () => {
  const { world, s3, recover, writes } = await privateWorld();
  const nca = await startNca();
  nca.jobs.set(ID, doneJob(200, `${s3.url}/other-bucket/x.pdf`));
  const { code, stdout } = await recover({ ...KEY, NCA_BASE_URL: nca.url, NCA_API_KEY: "nca-key" });
  const [job] = JSON.parse(stdout).jobs;
  expect([code, job.verdict]).toEqual([0, "unknown"]);
  expect(s3.requests.filter((line) => line.includes("other-bucket"))).toEqual([]);
  expect([stdout, JSON.stringify(writes())].join()).not.toContain("X-Amz-Signature");
  expect(world.fields("Jobs", JOB).Status).toBe("processing");
});
