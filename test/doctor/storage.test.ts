import { describe, expect, it } from "vitest";
import { openWorld, type World, type WorldOptions } from "../e2e/world.ts";
import { HOUR } from "../support/builders.ts";
import { CREDENTIALS, type S3Options, serveS3 } from "../support/s3.ts";
import { closedPort } from "../support/servers.ts";
import { examined } from "./doctor-world.ts";

const EXTERNAL = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11";

/** A world in which a combine job was completed an hour ago, with its output on record; `there` in the bucket, too. */
async function withCompleted(options: WorldOptions = {}, { there = true, name = `${EXTERNAL}_output_0.mp4` } = {}) {
  const world = await openWorld(options);
  addCompleted(world, `${world.storageUrl}/${name}`);
  if (there) world.output(name);
  return world;
}

function addCompleted(world: World, url: string): void {
  const completed = { Status: "completed", Type: "combine", "External Job ID": EXTERNAL };
  world.job("recJob00000000001", { ...completed, "Response Payload": `{"output_url": "${url}"}` }, HOUR);
}

describe("what missing looks like", () => {
  it("is 403 where a known output answers 200", async () => {
    const { code, of } = await examined(await withCompleted());
    expect(code).toBe(0);
    expect(of("storage.missing")).toMatchObject([
      { level: "pass", detail: expect.stringMatching(/^answer HTTP 403, .* the known .* HTTP 200$/) },
    ]);
    expect(of("storage.outputs")).toMatchObject([
      { level: "pass", detail: expect.stringContaining("combine is there") },
    ]);
  });

  it("is 403 where an output that no job has on record answers 200 by its configured name", async () => {
    const world = await openWorld();
    const completed = { Status: "completed", Type: "combine" };
    world.job("recJob00000000001", { ...completed, "External Job ID": "deleted-since" }, HOUR);
    world.job("recJob00000000002", { ...completed, "External Job ID": EXTERNAL }, 2 * HOUR);
    world.output(`${EXTERNAL}_output_0.mp4`);
    const { code, of } = await examined(world);
    expect(code).toBe(0);
    expect(of("storage.missing")).toMatchObject([{ level: "pass", detail: expect.stringMatching(/^answer HTTP 403/) }]);
    expect(of("storage.outputs")).toMatchObject([
      { level: "pass", detail: expect.stringContaining("combine is there") },
    ]);
  });

  it("is not known where nothing is on record and nothing is there by its configured name", async () => {
    const world = await openWorld();
    world.job("recJob00000000001", { Status: "completed", Type: "combine", "External Job ID": EXTERNAL }, HOUR);
    const { code, of } = await examined(world);
    expect(code).toBe(0);
    expect(of("storage.missing")).toMatchObject([{ level: "warn" }]);
    expect(of("storage.outputs")).toMatchObject([
      { level: "warn", detail: expect.stringContaining(`${EXTERNAL}_output_0.mp4, answers HTTP 403`) },
      { level: "pass" },
    ]);
  });

  it("is 404 where the bucket may be listed, which is said too", async () => {
    const { of } = await examined(await withCompleted({ listing: "open" }));
    expect(of("storage.missing")).toMatchObject([{ level: "pass", detail: expect.stringMatching(/^answer HTTP 404/) }]);
    expect(of("storage.listing")).toMatchObject([{ level: "pass", detail: expect.stringMatching(/^allowed/) }]);
  });

  it("is not known with a 403 and no output to compare, which only time or a key can change", async () => {
    const { code, of } = await examined(await openWorld());
    expect(code).toBe(0);
    expect(of("storage.missing")).toMatchObject([
      { level: "warn", next: expect.stringMatching(/once one job was completed.*STUCK_JOBS_S3_ACCESS_KEY_ID/) },
    ]);
  });

  it("cannot be distinguished from what is there in a private bucket", async () => {
    const { code, of } = await examined(await withCompleted({}, { there: false }));
    expect(code).toBe(2);
    expect(of("storage.missing")).toMatchObject([
      {
        level: "fail",
        detail: expect.stringContaining("get the same answer as a known output"),
        next: expect.stringMatching(/private/),
      },
    ]);
    expect(of("storage.outputs")[0]).toMatchObject({
      level: "warn",
      detail: expect.stringContaining("answers HTTP 403"),
    });
  });
});

describe("where the jobs cannot be read", () => {
  it("one line says that outputs were not checked, and none that there are none", async () => {
    const world = await withCompleted();
    const { code, of } = await examined(world, { yaml: "jobs: { table: Job }" });
    expect(code).toBe(2);
    expect(of("storage.missing")).toEqual([]);
    expect(of("storage.outputs")).toMatchObject([{ level: "warn", detail: expect.stringMatching(/^not checked: /) }]);
  });
});

describe("the newest outputs on record", () => {
  it("are warned of where they are gone", async () => {
    const { of } = await examined(await withCompleted({ listing: "open" }, { there: false }));
    expect(of("storage.outputs")[0]).toMatchObject({ level: "warn", detail: expect.stringContaining("HTTP 404") });
  });

  it("are warned of under a name that the configuration does not have", async () => {
    const name = `${EXTERNAL}_final.mp4`;
    const { code, of } = await examined(await withCompleted({}, { name }));
    expect(code).toBe(0);
    expect(of("storage.outputs")[0]).toMatchObject({
      level: "warn",
      detail: expect.stringContaining("exists, but the configuration does not look for it there"),
      next: expect.stringContaining("operations.combine.outputs"),
    });
  });

  it("are warned of in a place that is not the configured one", async () => {
    const world = await openWorld();
    const other = await openWorld();
    other.output(`${EXTERNAL}_output_0.mp4`);
    addCompleted(world, `${other.storageUrl}/${EXTERNAL}_output_0.mp4`);
    expect((await examined(world)).of("storage.outputs")[0]).toMatchObject({
      level: "warn",
      detail: expect.stringContaining("is elsewhere"),
      next: expect.stringContaining("Correct storage.baseUrl"),
    });
    // A record may name any address: it is not asked for.
    expect(other.bucket.requestCount()).toBe(0);
  });
});

describe("a storage that is not one", () => {
  it("is out of reach", async () => {
    const url = `http://127.0.0.1:${await closedPort()}/outputs`;
    const { code, of } = await examined(await openWorld(), { env: { STUCK_JOBS_STORAGE_URL: url } });
    expect(code).toBe(5);
    expect(of("storage")).toMatchObject([{ level: "fail", detail: expect.stringContaining("connection refused") }]);
    expect(of("storage.missing")).toEqual([]);
  });

  it.each([
    [200, { "content-type": "video/mp4", "content-length": "9" }, "has a page for everything"],
    [200, { "content-type": "text/html", "content-length": "9" }, "no bucket answers like that"],
    [301, { "x-amz-bucket-region": "fra1" }, "another region"],
    [404, { age: "30" }, "CDN"],
  ])("answers HTTP %i with %j for a random key", async (status, headers, advice) => {
    const world = await openWorld({ bucketInstead: () => ({ status, headers, body: "" }) });
    const { code, of } = await examined(world);
    expect(code).toBe(2);
    expect(of("storage")).toMatchObject([{ level: "fail", next: expect.stringContaining(advice) }]);
  });

  it("has no bucket of that name, where every output would be missing", async () => {
    const world = await openWorld();
    const { code, of } = await examined(world, { env: { STUCK_JOBS_STORAGE_URL: `${world.storageUrl}-other` } });
    expect(code).toBe(2);
    expect(of("storage.listing")).toMatchObject([{ level: "fail", detail: expect.stringContaining("NoSuchBucket") }]);
  });
});

describe("a key to the storage", () => {
  const KEY = {
    STUCK_JOBS_S3_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    STUCK_JOBS_S3_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  };

  async function signed(options: S3Options = {}, env: Readonly<Record<string, string>> = {}) {
    const s3 = await serveS3({ now: Date.now, ...options });
    const found = await examined(await openWorld(), {
      env: { STUCK_JOBS_STORAGE_URL: `${s3.url}/clips`, ...KEY, ...env },
    });
    expect(JSON.stringify(found.checks)).not.toContain(CREDENTIALS.secretAccessKey);
    return found;
  }

  it("that is accepted gets a true 404 for what is missing", async () => {
    const { code, complaints, of } = await signed();
    expect([code, complaints]).toEqual([0, []]);
    expect(of("storage.credentials")).toMatchObject([
      { detail: "accepted: requests are signed for the region us-east-1" },
    ]);
    expect(of("storage.missing")).toMatchObject([{ detail: expect.stringContaining("HTTP 404") }]);
    expect(of("storage.listing")).toMatchObject([{ detail: expect.stringMatching(/^allowed/) }]);
  });

  it("that may not list is warned of, since no job can be failed by it", async () => {
    const { code, of } = await signed({ mayList: false });
    expect(code).toBe(0);
    expect(of("storage.missing")).toMatchObject([{ level: "warn", next: expect.stringContaining("s3:ListBucket") }]);
  });

  it("that is wrong fails, in the storage's own words", async () => {
    const { code, of } = await signed({}, { STUCK_JOBS_S3_SECRET_ACCESS_KEY: "another-secret-than-theirs" });
    expect(code).toBe(2);
    expect(of("storage.credentials")).toMatchObject([
      { level: "fail", detail: expect.stringContaining("SignatureDoesNotMatch") },
    ]);
  });
});

describe("a storage that has everything", () => {
  it("fails, also where it has only what is named as outputs are", async () => {
    const bucketInstead: WorldOptions["bucketInstead"] = ({ path }) =>
      path.endsWith("_output_0.mp4")
        ? { status: 200, headers: { "content-length": "5000", "content-type": "video/mp4" }, body: "" }
        : undefined;
    const { code, of } = await examined(await openWorld({ bucketInstead }));
    expect(code).toBe(2);
    expect(of("storage")).toMatchObject([
      { level: "fail", detail: expect.stringMatching(/answers HTTP 200 for a random key that cannot exist$/) },
    ]);
  });
});

it("warns of a storage that Airtable cannot reach, by its host", async () => {
  const world = await openWorld();
  const [local] = (await examined(world)).of("storage.address");
  expect(local).toMatchObject({ level: "warn", detail: expect.stringContaining("127.0.0.1 is this machine") });
  const storage = { yaml: "storage: { baseUrl: 'http://minio:9000/outputs' }", env: { STUCK_JOBS_STORAGE_URL: "" } };
  const [inside] = (await examined(world, storage)).of("storage.address");
  expect(inside).toMatchObject({ level: "warn", detail: expect.stringContaining("minio is in a private network") });
});

it("says that outputs were not checked where the completed jobs could not be read", async () => {
  const instead: WorldOptions["instead"] = ({ path }) =>
    path.includes("/Jobs") ? { status: 403, headers: {}, body: '{"error":{"type":"INVALID_PERMISSIONS"}}' } : undefined;
  const { code, of } = await examined(await openWorld({ instead }));
  expect(code).toBe(4);
  expect(of("storage.outputs")).toMatchObject([{ level: "warn", detail: expect.stringMatching(/^not checked/) }]);
});
