import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HOUR, MINUTE } from "../support/builders.ts";
import { bodyOf, doneJob, type KeptJob, send, startNca } from "../support/nca.ts";
import { serve } from "../support/servers.ts";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, addVideo, openWorld, type World } from "./world.ts";

const JOB = "recJob00000000001";
const SEGMENT = "recSegment0000001";
const VIDEO = "recVideo000000001";
const ID = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11";
const COMBINE = { Type: "combine", "External Job ID": ID, "Request Payload": `{'segment_id': '${SEGMENT}'}` };

async function recover(world: World, env: Record<string, string>, config = "{}", flags: readonly string[] = []) {
  const cwd = folder();
  writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), config);
  const ran = await stuckJobs(["recover", "-o", "json", ...flags], { cwd, env: { ...world.env, ...env } });
  return { ...ran, report: ran.code === 2 ? null : reportIn(ran.stdout) };
}

describe("NCA, asked for a job whose file is not there", () => {
  async function withNca(job: KeptJob | null, age: number) {
    const world = await openWorld();
    addSegment(world, SEGMENT);
    world.job(JOB, COMBINE, age);
    const nca = await startNca();
    if (job !== null) nca.jobs.set(ID, job);
    const ran = await recover(world, { NCA_BASE_URL: nca.url, NCA_API_KEY: "nca-key" });
    return { world, nca, ...ran, job: ran.report?.jobs[0] };
  }

  it("has a job wait that is at work, past failAfter too", async () => {
    const { world, job, report } = await withNca({ job_status: "running", response: null }, 2 * HOUR);
    expect([job?.verdict, job?.reason]).toEqual(["wait", "provider-running"]);
    expect(world.fields("Jobs", JOB).Status).toBe("processing");
    expect(report?.requests.provider).toBe(1);
  });

  it("fails a job at once that came to an error, for its reason", async () => {
    const { world, job } = await withNca(doneJob(500, "Invalid data found when processing input"), 10 * MINUTE);
    expect([job?.verdict, job?.reason]).toEqual(["fail", "provider-failed"]);
    expect(world.fields("Jobs", JOB).Status).toBe("failed");
    expect(world.fields("Jobs", JOB)["Error Details"]).toContain("Invalid data found when processing input");
  });

  it("leaves a job that it forgot to the storage's answer", async () => {
    const { world, job } = await withNca(null, 10 * MINUTE);
    expect(job?.verdict).toBe("wait");
    expect(world.fields("Jobs", JOB).Status).toBe("processing");
  });

  it("delivers an output under a name that only it knows, through the storage's own probe", async () => {
    const world = await openWorld();
    addSegment(world, SEGMENT);
    world.job(JOB, COMBINE);
    world.output("elsewhere.mp4");
    const nca = await startNca();
    const url = `${world.storageUrl}/elsewhere.mp4`;
    nca.jobs.set(ID, doneJob(200, [{ file_url: url }]));
    const { report } = await recover(world, { NCA_BASE_URL: nca.url, NCA_API_KEY: "nca-key" });
    expect(report?.jobs[0]).toMatchObject({ verdict: "recover", reason: "provider-output", applied: true });
    expect(world.fields("Jobs", JOB).Status).toBe("completed");
  });

  it("is asked by doctor for a job that nobody has", async () => {
    const world = await openWorld();
    const nca = await startNca();
    const env = { ...world.env, NCA_BASE_URL: nca.url };
    const right = await stuckJobs(["doctor"], { env: { ...env, NCA_API_KEY: "nca-key" } });
    expect(right.stdout).toMatch(/provider nca.*HTTP 404, job not found/);
    const wrong = await stuckJobs(["doctor"], { env: { ...env, NCA_API_KEY: "wrong-key" } });
    expect(wrong.stdout).toMatch(/provider nca.*NCA_API_KEY is refused/);
  });

  it("never shows its key", async () => {
    const world = await openWorld();
    addSegment(world, SEGMENT);
    world.job(JOB, COMBINE, 2 * HOUR);
    const nca = await startNca();
    nca.jobs.set(ID, doneJob(500, "no access with nca-key"));
    const { stdout, stderr } = await recover(world, { NCA_BASE_URL: nca.url, NCA_API_KEY: "nca-key" });
    expect(stdout + stderr).not.toContain("nca-key");
  });
});

describe("GoAPI, which alone knows where its outputs are", () => {
  const webhookUrl = `https://app.example/webhooks/goapi?job_id=${JOB}&operation=video`;
  async function withTask(data: Record<string, unknown>, config: string) {
    const world = await openWorld();
    addSegment(world, SEGMENT);
    const payload = `{'segment_id': '${SEGMENT}'}`;
    world.job(JOB, {
      Type: "video_generation",
      "External Job ID": ID,
      "Request Payload": payload,
      "Webhook URL": webhookUrl,
    });
    const goapi = await serve((_request, response) => {
      send(response, 200, { code: 200, data: { task_id: ID, error: { message: "" }, ...data } });
    });
    const ran = await recover(world, { GOAPI_API_KEY: "goapi-key", GOAPI_BASE_URL: goapi.url }, config);
    return { world, job: ran.report?.jobs[0] };
  }
  const files = () =>
    serve((_request, response) => response.writeHead(200, { "content-length": 5, "content-type": "video/mp4" }).end());

  it("has its video delivered from a host that is listed", async () => {
    const host = await files();
    const video_url = `${host.url}/videos/1.mp4`;
    const config = "providers: { goapi: { outputHosts: [127.0.0.1], allowPrivate: true } }";
    const { world, job } = await withTask({ status: "completed", output: { video_url } }, config);
    expect(job).toMatchObject({ operation: "video", verdict: "recover", applied: true, output: { url: video_url } });
    expect(world.fields("Segments", SEGMENT)).toMatchObject({ Status: "Video Ready" });
    expect(world.fields("Jobs", JOB).Status).toBe("completed");
  });

  it("is not followed to a host that is not, nor into the private network", async () => {
    const host = await files();
    const output = { video_url: `${host.url}/videos/1.mp4` };
    for (const config of ["{}", "providers: { goapi: { outputHosts: [127.0.0.1] } }"]) {
      const { world, job } = await withTask({ status: "completed", output }, config);
      expect(job?.verdict).toBe("unknown");
      expect(world.fields("Jobs", JOB).Status).toBe("processing");
    }
    expect(host.sockets).toEqual([]);
  });

  it("fails a task that failed, and leaves alone one that it does not know", async () => {
    const failed = await withTask({ status: "failed", error: { message: "content policy" } }, "{}");
    expect(failed.world.fields("Jobs", JOB)).toMatchObject({ Status: "failed" });
    expect(failed.world.fields("Jobs", JOB)["Error Details"]).toContain("content policy");
    const odd = await withTask({ status: "archived" }, "{}");
    expect(odd.world.fields("Jobs", JOB).Status).toBe("processing");
  });
});

describe("a lost webhook, sent again", () => {
  it("has the application's own handler complete the job", async () => {
    const world = await openWorld();
    addVideo(world, VIDEO);
    world.output(`${ID}.mp4`);
    const received: unknown[] = [];
    const app = await serve(async (request, response) => {
      received.push(await bodyOf(request));
      world.base.upsert("Jobs", {
        id: JOB,
        createdTime: new Date().toISOString(),
        fields: { ...world.fields("Jobs", JOB), Status: "completed" },
      });
      response.end("OK");
    });
    const webhook = `${app.url}/webhooks/nca-toolkit?job_id=${JOB}&operation=concatenate`;
    const payload = `{'video_id': '${VIDEO}'}`;
    world.job(JOB, {
      Type: "concatenate",
      "External Job ID": ID,
      "Request Payload": payload,
      "Webhook URL": webhook,
    });
    const config = `webhooks: { allowHosts: ["127.0.0.1:${app.port}"] }`;
    const { report } = await recover(world, {}, config, ["--via", "webhook"]);
    expect(report?.jobs[0]).toMatchObject({ verdict: "recover", applied: true });
    expect(received).toMatchObject([
      { endpoint: "/v1/video/concatenate", code: 200, id: JOB, job_id: ID, response: `${world.storageUrl}/${ID}.mp4` },
    ]);
    expect(world.fields("Videos", VIDEO)["Combined Segments Video"]).toBeUndefined();
  });

  it("is a configuration error without a host to send it to", async () => {
    const world = await openWorld();
    const { code, stderr } = await recover(world, {}, "{}", ["--via", "webhook"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("webhooks.allowHosts")]);
    expect(world.requests).toEqual([]);
  });
});
