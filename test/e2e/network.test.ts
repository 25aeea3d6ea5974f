import { connect } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { describe, expect, it } from "vitest";
import { startProxy } from "../support/proxy.ts";
import { listen } from "../support/servers.ts";
import { hasOpenssl, selfSigned } from "../support/tls.ts";
import { stuckJobs } from "./cli.ts";
import { addSegment, openWorld } from "./world.ts";

const JOB = "recJobs0000000001";
const SEGMENT = "recSegs0000000001";

async function stuckWorld() {
  const world = await openWorld();
  addSegment(world, SEGMENT);
  world.job(JOB, { Type: "combine", "External Job ID": "e1", Segments: [SEGMENT] });
  world.output("e1_output_0.mp4");
  return world;
}

/** A server that ends TLS for `name` and passes on to a port. */
async function endTls(name: string, port: number) {
  const certificate = selfSigned(name);
  const server = createTlsServer(certificate, (socket) => {
    const onward = connect(port, "127.0.0.1");
    onward.on("error", () => socket.destroy());
    socket.on("error", () => onward.destroy());
    onward.pipe(socket).pipe(onward);
  });
  return { ...(await listen(server)), file: certificate.file };
}

function portIn(url: string | undefined): number {
  return Number(new URL(url ?? "").port);
}

describe.skipIf(!hasOpenssl)("recover behind a proxy", () => {
  it("reaches Airtable through HTTPS_PROXY, and a storage without TLS through HTTP_PROXY", async () => {
    const world = await stuckWorld();
    const base = await endTls("DNS:base.invalid", portIn(world.env.AIRTABLE_ENDPOINT_URL));
    const proxy = await startProxy({ "base.invalid": base.port, "files.invalid": portIn(world.storageUrl) });
    const env = {
      ...world.env,
      AIRTABLE_ENDPOINT_URL: "https://base.invalid",
      STUCK_JOBS_STORAGE_URL: "http://files.invalid/outputs",
      HTTPS_PROXY: proxy.url,
      HTTP_PROXY: proxy.url,
      NODE_EXTRA_CA_CERTS: base.file,
    };
    const { code, stdout, stderr } = await stuckJobs(["recover", "-o", "json"], { env });
    expect([code, stderr, JSON.parse(stdout).summary.recovered]).toEqual([0, "", 1]);
    expect(proxy.asked).toContain("base.invalid:443");
    expect(proxy.asked).toContain("http://files.invalid/outputs/e1_output_0.mp4");
    expect(world.fields("Jobs", JOB).Status).toBe("completed");
  });

  it("leaves the jobs alone and names the proxy where it refuses, with exit 5", async () => {
    const world = await stuckWorld();
    const proxy = await startProxy({}, 407);
    const env = { ...world.env, AIRTABLE_ENDPOINT_URL: "https://base.invalid", HTTPS_PROXY: proxy.url };
    const { code, stderr } = await stuckJobs(["recover"], { env });
    expect(code).toBe(5);
    expect(stderr).toContain(`proxy 127.0.0.1:${proxy.port} refused the connection: HTTP 407`);
    expect(world.fields("Jobs", JOB).Status).toBe("processing");
  });
});

describe.skipIf(!hasOpenssl)("a storage whose certificate is signed by itself", () => {
  it("is unknown, and its evidence names NODE_EXTRA_CA_CERTS; with that it is read", async () => {
    const world = await stuckWorld();
    const files = await endTls("IP:127.0.0.1", portIn(world.storageUrl));
    const env = { ...world.env, STUCK_JOBS_STORAGE_URL: `https://127.0.0.1:${files.port}/outputs` };
    const refused = await stuckJobs(["recover", "-o", "json"], { env });
    const [job] = JSON.parse(refused.stdout).jobs;
    expect([refused.code, job.verdict]).toEqual([5, "unknown"]);
    expect(JSON.stringify(job.evidence)).toContain("NODE_EXTRA_CA_CERTS");
    expect(world.fields("Jobs", JOB).Status).toBe("processing");

    const trusting = { ...env, NODE_EXTRA_CA_CERTS: files.file };
    expect((await stuckJobs(["recover"], { env: trusting })).code).toBe(0);
    expect(world.fields("Jobs", JOB).Status).toBe("completed");
  });

  it("is explained by doctor with NODE_EXTRA_CA_CERTS", async () => {
    const world = await stuckWorld();
    const files = await endTls("IP:127.0.0.1", portIn(world.storageUrl));
    const env = { ...world.env, STUCK_JOBS_STORAGE_URL: `https://127.0.0.1:${files.port}/outputs` };
    const { stdout } = await stuckJobs(["doctor"], { env });
    expect(stdout.replace(/\s+/g, " ")).toMatch(/certificate: self.signed certificate; set NODE_EXTRA_CA_CERTS/);
  });
});
