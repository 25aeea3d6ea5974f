import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { FULL_ACCESS } from "../../src/sandbox/airtable/permissions.ts";
import { HOUR } from "../support/builders.ts";
import { oneTable } from "./bases.ts";
import { folder, stuckJobs } from "./cli.ts";
import { addSegment, openWorld } from "./world.ts";

const FILE = ".stuck-jobsrc.yaml";
const EXTERNAL = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11";

/** The real base with a combine job that is stuck and one that was completed. */
async function realWorld() {
  const world = await openWorld();
  addSegment(world, "recSegment0000001");
  const combine = { Type: "combine", "Request Payload": "{'segment_id': 'recSegment0000001'}" };
  world.job("recJob00000000001", { ...combine, "External Job ID": EXTERNAL }, HOUR / 2);
  world.output(`${EXTERNAL}_output_0.mp4`);
  const url = `${world.storageUrl}/done-1_output_0.mp4`;
  const done = { Status: "completed", "External Job ID": "done-1", "Response Payload": `{"output_url": "${url}"}` };
  world.job("recJob00000000002", { ...combine, ...done }, HOUR);
  world.output("done-1_output_0.mp4");
  return world;
}

describe("init --yes", () => {
  it("writes a configuration, of which doctor approves, and shows what a scan finds with it", async () => {
    const world = await realWorld();
    const { STUCK_JOBS_STORAGE_URL: _, ...env } = world.env;
    const cwd = folder();
    const { code, stdout, stderr } = await stuckJobs(["init", "--yes"], { env, cwd });
    expect(stderr).toContain(`${world.storageUrl}/done-1_output_0.mp4: HTTP 200`);
    expect(stderr).toMatch(/\.stuck-jobsrc\.yaml:\n(?:.*\n)*.*preset: nca\n(?:.*\n)*.*Wrote \.stuck-jobsrc\.yaml\./);
    expect(stdout).toMatch(/\d+ passed, 1 warning, 0 failed/);
    expect(stdout).toMatch(/stuck-jobs scan: 1 stuck job: 1 would be recovered/);
    expect(code).toBe(0);
    expect(world.requests.filter(({ method }) => method !== "GET")).toEqual([]);

    const text = readFileSync(join(cwd, FILE), "utf8");
    expect(parse(text)).toMatchObject({
      airtable: { baseId: env.AIRTABLE_BASE_ID },
      storage: { baseUrl: world.storageUrl },
    });
    const [, schema = ""] = /^# yaml-language-server: \$schema=(.+)$/m.exec(text) ?? [];
    expect(schema).toBe(resolve("schema/stuck-jobsrc.schema.json"));
    expect(existsSync(schema)).toBe(true);

    const scan = await stuckJobs(["scan"], { env: { ...env, AIRTABLE_BASE_ID: "" }, cwd });
    expect([scan.code, scan.stdout]).toEqual([0, expect.stringContaining("1 would be recovered")]);
  });

  it("never writes over a file", async () => {
    const world = await openWorld();
    const cwd = folder();
    writeFileSync(join(cwd, FILE), "mine: true\n");
    const { code, stderr } = await stuckJobs(["init", "--yes"], { env: world.env, cwd });
    expect([code, stderr]).toEqual([2, expect.stringContaining(`${FILE} exists and is not overwritten`)]);
    expect(readFileSync(join(cwd, FILE), "utf8")).toBe("mine: true\n");
    expect(world.requests).toEqual([]);
  });

  it("prints the file in a dry run, also where there is one, and writes and runs nothing", async () => {
    const world = await realWorld();
    const cwd = folder();
    writeFileSync(join(cwd, FILE), "mine: true\n");
    const { code, stdout, stderr } = await stuckJobs(["init", "--yes", "--dry-run"], { env: world.env, cwd });
    expect([code, stderr]).toEqual([0, ""]);
    expect(parse(stdout)).toMatchObject({ preset: "nca", storage: { baseUrl: world.storageUrl } });
    expect(readFileSync(join(cwd, FILE), "utf8")).toBe("mine: true\n");
    expect(world.requests.filter(({ path }) => path.endsWith("whoami"))).toEqual([]);
  });

  it("writes to another file, and warns when that is not the one which a run takes", async () => {
    const world = await realWorld();
    const cwd = folder();
    writeFileSync(join(cwd, FILE), "thresholds: {}\n");
    const { code, stderr } = await stuckJobs(["init", "--yes", "--output", "other.yaml"], { env: world.env, cwd });
    expect([code, stderr]).toEqual([0, expect.stringContaining(`a run from here reads ${FILE} instead`)]);
    expect(existsSync(join(cwd, "other.yaml"))).toBe(true);
  });

  it("takes the only base that the token sees", async () => {
    const world = await realWorld();
    const { AIRTABLE_BASE_ID: baseId, ...env } = world.env;
    const { code, stdout } = await stuckJobs(["init", "--yes", "-n"], { env });
    expect([code, parse(stdout).airtable.baseId]).toEqual([0, baseId]);
  });

  it("exits with 4, and the scope that is missing, where the schema may not be read", async () => {
    const scopes = FULL_ACCESS.scopes.filter((scope) => scope !== "schema.bases:read");
    const world = await openWorld({ access: { ...FULL_ACCESS, scopes } });
    const cwd = folder();
    const { code, stdout, stderr } = await stuckJobs(["init", "--yes"], { env: world.env, cwd });
    expect([code, stdout, stderr]).toEqual([4, "", expect.stringContaining("the scope schema.bases:read")]);
    expect(existsSync(join(cwd, FILE))).toBe(false);
  });

  it("exits with 2 without a token", async () => {
    const { code, stderr } = await stuckJobs(["init", "--yes"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("https://airtable.com/create/tokens")]);
  });
});

describe("init on no terminal", () => {
  it("fails without a terminal and names --yes", async () => {
    const world = await openWorld();
    const { code, stderr } = await stuckJobs(["init"], { env: world.env });
    expect([code, stderr]).toEqual([2, expect.stringContaining("use --yes to accept the defaults")]);
  });
});

describe("init on a terminal", () => {
  /** The keys that a person types once the first question is there. */
  function typed(keys: string, env: Readonly<Record<string, string>>, cwd: string) {
    const command = `stty cols 200; ${process.execPath} ${resolve("bin/stuck-jobs.js")} init`;
    const child = spawn("script", ["-qec", command, "/dev/null"], {
      cwd,
      env: { PATH: process.env.PATH ?? "", TERM: "xterm-256color", NO_COLOR: "1", ...env },
    });
    let shown = "";
    child.stdout.on("data", (chunk: Buffer) => {
      const asked = shown.includes("?");
      shown += chunk.toString();
      if (!asked && shown.includes("?")) child.stdin.write(keys);
    });
    return new Promise<{ code: number | null; shown: string }>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, shown }));
    });
  }

  it("proposes what it found in brackets, takes what is typed, and shows the file before it writes it", async () => {
    const world = await realWorld();
    const cwd = folder();
    // The table, the fields; four operations, of which the second is refused; the file.
    const { code, shown } = await typed("\n\n\nn\n\n\n\n", world.env, cwd);
    expect(code).toBe(0);
    expect(shown).toContain("Which table holds the jobs? (Jobs, Segments, Videos) [Jobs]");
    expect(shown).toContain('externalId "External Job ID"');
    expect(shown).toMatch(/concatenate: null\s+(?:.*\n)*.*Write it\?/);
    const { operations } = parse(readFileSync(join(cwd, FILE), "utf8"));
    expect(operations).toEqual({ concatenate: null });
  });

  it("learns from the URL of an output that is typed, and asks again for what is no URL", async () => {
    const { world } = await oneTable();
    const cwd = folder();
    const url = `${world.storageUrl}/thumbs/r-52d9f1_thumb.jpg`;
    // The table, the fields, the storage; the file.
    const { code, shown } = await typed(`\n\nthumbs\n${url}\n\n`, world.env, cwd);
    expect(code).toBe(0);
    expect(shown).toContain('"thumbs" is no URL');
    expect(parse(readFileSync(join(cwd, FILE), "utf8"))).toMatchObject({
      storage: { baseUrl: `${world.storageUrl}/thumbs` },
      operations: { thumbnail: { outputs: ["{externalId}_thumb.jpg"], target: "self", attachment: "Image" } },
    });
  });

  it("asks for each field where the proposal is not right", async () => {
    const world = await realWorld();
    const cwd = folder();
    const fields = ["", "Nonsense", "", "-", "", "", "", "Result", "", ""];
    const rest = ["", "", "", "", "", "", "", "", ""];
    const { code } = await typed(`${["", "n", ...fields, ...rest].join("\n")}\n`, world.env, cwd);
    // Without a type nothing names the operation of the stuck job, which doctor then fails.
    expect(code).toBe(2);
    const { jobs } = parse(readFileSync(join(cwd, FILE), "utf8"));
    expect(jobs.fields).toMatchObject({ type: null, error: "Result" });
  });

  it("writes nothing when the person leaves", async () => {
    const world = await realWorld();
    const cwd = folder();
    const { code, shown } = await typed("\u0003", world.env, cwd);
    expect([code, shown]).toEqual([130, expect.stringContaining("nothing was written")]);
    expect(existsSync(join(cwd, FILE))).toBe(false);
  });
});
