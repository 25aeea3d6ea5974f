import { describe, expect, it } from "vitest";
import { attributesOf, collect } from "../monitoring/collector.ts";
import { closedPort } from "../support/servers.ts";
import { stuckJobs } from "./cli.ts";
import { addSegment, openWorld, type WorldOptions } from "./world.ts";

/** One job that can be recovered. */
async function oneJob(options: WorldOptions = {}) {
  const world = await openWorld(options);
  addSegment(world, "recSegment0000001");
  world.job("recJob00000000001", {
    Type: "combine",
    "External Job ID": "job-1",
    "Request Payload": "{'segment_id': 'recSegment0000001'}",
  });
  world.output("job-1_output_0.mp4");
  return world.env;
}

describe("OpenTelemetry", () => {
  it("gets one trace a sweep, with list, probe and apply below it, and the metrics of the run", async () => {
    const collector = await collect();
    const env = await oneJob();
    const otel = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20s3cret-of-the-collector",
    };
    const ran = await stuckJobs(["recover", "-o", "json"], { env: { ...env, ...otel } });
    expect([ran.code, ran.stderr, collector.refused]).toEqual([0, "", []]);
    const report = JSON.parse(ran.stdout);

    const [root] = collector.spans.filter(({ parentSpanId }) => parentSpanId === undefined);
    const stages = collector.spans.filter(({ parentSpanId }) => parentSpanId === root?.spanId);
    expect(root?.name).toBe("stuck-jobs recover");
    expect(stages.map(({ name }) => name).sort()).toEqual(["apply", "list", "probe"]);
    expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(attributesOf(root?.attributes ?? [])).toMatchObject({
      "stuck_jobs.run_id": report.runId,
      "stuck_jobs.exit_code": 0,
      "stuck_jobs.dry_run": false,
      "stuck_jobs.jobs.recovered": 1,
      "stuck_jobs.requests.storage": report.requests.storage,
    });
    const byName = new Map(stages.map((span) => [span.name, attributesOf(span.attributes)]));
    expect(byName.get("probe")).toEqual({ "stuck_jobs.jobs.probed": 1 });
    expect(byName.get("apply")).toEqual({ "stuck_jobs.jobs.written": 1 });

    const names = collector.metrics.map(({ name }) => name);
    expect(names).toContain("stuck_jobs_last_success_timestamp_seconds");
    const recovered = collector.metrics.find(({ name }) => name === "stuck_jobs_recovered_total");
    expect(recovered).toMatchObject({ sum: { aggregationTemporality: 1, isMonotonic: true } });
    const ages = collector.metrics.find(({ name }) => name === "stuck_jobs_recovery_age_seconds");
    expect(JSON.stringify(ages)).toContain('"count":"1"');

    expect(collector.headers).toEqual(["Bearer s3cret-of-the-collector", "Bearer s3cret-of-the-collector"]);
    const sent = collector.bodies.join("\n");
    expect(sent).not.toContain(env.AIRTABLE_API_KEY);
    expect(sent).not.toMatch(/https?:\/\/|s3cret/);
  });

  it("gets a trace that says so where the listing failed", async () => {
    const collector = await collect();
    const env = await oneJob({ instead: () => ({ status: 503, headers: {}, body: "down" }) });
    const otel = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    const { code } = await stuckJobs(["recover", "--deadline", "2s"], { env: { ...env, ...otel } });
    expect([code, collector.refused]).toEqual([5, []]);
    const [root] = collector.spans.filter(({ parentSpanId }) => parentSpanId === undefined);
    expect(root?.status).toEqual({ code: 2, message: "exit code 5" });
    expect(collector.spans.find(({ name }) => name === "list")?.status.code).toBe(2);
  });

  it.each<[string, () => Promise<string>, string]>([
    ["refuses", async () => (await collect(() => 503)).url, "HTTP 503"],
    ["is not there", async () => `http://127.0.0.1:${await closedPort()}`, "refused"],
    ["never answers", async () => (await collect(() => null)).url, "1 s"],
    ["is no address", async () => "collector:4317", "expected an http or https URL"],
  ])("never fails a run, and warns once, where the collector %s", async (_, urlOf, detail) => {
    const env = await oneJob();
    const otel = { OTEL_EXPORTER_OTLP_ENDPOINT: await urlOf() };
    const { code, stdout, stderr } = await stuckJobs(["recover"], { env: { ...env, ...otel } });
    expect(code).toBe(0);
    expect(stdout).toContain("1 recovered");
    expect(stderr.split("\n").filter((line) => line !== "")).toEqual([
      expect.stringMatching(new RegExp(`warning: the telemetry was not taken: .*${detail}`)),
    ]);
  });

  it("sends nothing, and warns of nothing, without an endpoint", async () => {
    const env = await oneJob();
    expect(await stuckJobs(["recover"], { env: { ...env, OTEL_SERVICE_NAME: "x" } })).toMatchObject({
      code: 0,
      stderr: "",
    });
  });
});
