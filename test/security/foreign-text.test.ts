import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { folder, stuckJobs } from "../e2e/cli.ts";
import { addSegment, openWorld, realSchema, TOKEN, type World } from "../e2e/world.ts";
import { doneJob, startNca } from "../support/nca.ts";

/** Clipboard, cursor, 8-bit CSI, direction, NUL, and lines that a CI system and the systemd journal would obey. */
const ATTACK =
  "x\u001b]52;c;cHduZWQ=\u0007\u001b[2J\u009b31m\u202egpj\u0000\u200b\r\n::error::pwned\n<3>pwned\n##[error]pwned";

/** Jobs whose every field is an attack. */
function addHostileJobs(world: World): void {
  addSegment(world, "recSegs0000000001", { "Voiceover + Video": [] });
  const payload = JSON.stringify({ operation: ATTACK, [ATTACK]: ATTACK, segment_id: "recSegs0000000001" });
  const common = { Type: ATTACK, "Request Payload": payload, "Webhook URL": `https://hook.example/?a=${ATTACK}` };
  world.job("recJobs0000000001", { ...common, "External Job ID": ATTACK });
  world.job("recJobs0000000002", { ...common, "External Job ID": "e2", "Request Payload": `{'operation': '${ATTACK}` });
  world.job("recJobs0000000003", { "External Job ID": "e3", Type: "combine", Segments: [ATTACK] });
  world.job("recJobs0000000004", { "External Job ID": "e4", Type: "combine", Segments: ["recSegs0000000001"] });
  world.output("e4_output_0.mp4");
  addSegment(world, "recSegs0000000001", {
    "Voiceover + Video": [{ id: "attAAAAAAAAAAAAAA", url: "https://x.example/a", filename: ATTACK, size: 1 }],
  });
}

function complaintsAbout(printed: string): readonly string[] {
  return printed.split("\n").filter((line) => {
    return /[\p{Cc}\p{Cf}\u2028\u2029]|##\[|^\s*::|^<\d>/u.test(line);
  });
}

describe("text from a base does nothing but show", () => {
  it.each([
    ["scan", []],
    ["scan", ["-v"]],
    ["scan", ["-v", "--log-format", "json", "-o", "ndjson"]],
    ["scan", ["-o", "json"]],
    ["scan", ["-o", "table", "--all"]],
    ["recover", ["-v"]],
    ["fail-old", ["-n", "-v"]],
    ["explain", ["recJobs0000000001"]],
    ["explain", ["recJobs0000000001", "-o", "json"]],
    ["explain", ["recJobs0000000004"]],
    ["stats", []],
    ["stats", ["-o", "json"]],
  ])("in %s %j", async (command, flags) => {
    const world = await openWorld();
    addHostileJobs(world);
    const { stdout, stderr } = await stuckJobs([command, ...flags], { env: world.env });
    expect(`${stdout}${stderr}`.includes("\\u")).toBe(
      command !== "fail-old" && (command !== "scan" || flags.length > 0),
    );
    expect(complaintsAbout(stdout)).toEqual([]);
    expect(complaintsAbout(stderr)).toEqual([]);
  });

  it("in undo", async () => {
    const world = await openWorld();
    const cwd = folder();
    addSegment(world, "recSegs0000000001");
    world.job("recJobs0000000001", { "External Job ID": "e1", Type: "combine", Segments: ["recSegs0000000001"] });
    world.output("e1_output_0.mp4");
    world.base.edit("Jobs", "recJobs0000000001", { "Response Payload": ATTACK });
    await stuckJobs(["recover"], { cwd, env: world.env });
    const { stdout, stderr } = await stuckJobs(["undo", "--job", "e1"], { cwd, env: world.env });
    expect(stdout).toContain("\\u");
    expect(complaintsAbout(stdout + stderr)).toEqual([]);
  });

  it("in doctor, from the schema", async () => {
    const schema = realSchema();
    const hostile = {
      tables: schema.tables.map((table) => ({
        ...table,
        fields: table.fields.map((field) => (field.name === "Notes" ? { ...field, name: ATTACK } : field)),
      })),
    };
    const world = await openWorld({ schema: { ...schema, ...hostile } });
    const { stdout, stderr } = await stuckJobs(["doctor"], { env: world.env });
    expect(complaintsAbout(stdout + stderr)).toEqual([]);
  });

  it.each([422, 403, 503])("in an error message of Airtable, with %i", async (status) => {
    const answer = {
      status,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ error: { type: ATTACK, message: ATTACK } }),
    };
    const world = await openWorld({ instead: () => answer });
    const { stdout, stderr } = await stuckJobs(["recover", "-v", "--deadline", "3s"], { env: world.env });
    expect(complaintsAbout(stdout + stderr)).toEqual([]);
  });

  it("in the page of stats", async () => {
    const world = await openWorld();
    const cwd = folder();
    addHostileJobs(world);
    await stuckJobs(["stats", "--html", "page.html"], { cwd, env: world.env });
    expect(readFileSync(join(cwd, "page.html"), "utf8").match(/(?!\n)[\p{Cc}\p{Cf}]/u)).toBeNull();
  });

  it("in a log that the systemd journal reads", async () => {
    const world = await openWorld();
    addHostileJobs(world);
    const cwd = folder();
    const log = join(cwd, "log");
    // JOURNAL_STREAM names the stream by device and inode, which is that of the file here.
    const script = `import { openSync, fstatSync } from "node:fs"; import { spawnSync } from "node:child_process";
      const fd = openSync(${JSON.stringify(log)}, "w"); const { dev, ino } = fstatSync(fd, { bigint: true });
      spawnSync(process.execPath, [${JSON.stringify(resolve("bin/stuck-jobs.js"))}, "scan", "-v"],
        { stdio: ["ignore", "ignore", fd], env: { ...process.env, JOURNAL_STREAM: dev + ":" + ino } });`;
    writeFileSync(join(cwd, "run.mjs"), script);
    await new Promise((done) =>
      spawn(process.execPath, [join(cwd, "run.mjs")], { env: { PATH: process.env.PATH ?? "", ...world.env } }).once(
        "close",
        done,
      ),
    );
    const lines = readFileSync(log, "utf8").trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(3);
    expect(lines.filter((line) => !/^<[4-6]>(stuck-jobs|job=)/.test(line))).toEqual([]);
    expect(complaintsAbout(lines.map((line) => line.slice(3)).join("\n"))).toEqual([]);
  });
});

describe("a secret is not printed", () => {
  const HOOK = "https://hooks.slack.example/services/T000/B000/abcdefghijklmnop";

  it.each([
    ["recover", `--notify-urll=${HOOK}`],
    ["recover", "--ping-urll", HOOK],
    ["stats", `--notify-url=${HOOK}`],
    ["doctor", HOOK],
    ["scan", "--limit", HOOK],
  ])("in the complaint about %s %s", async (...words) => {
    const { code, stdout, stderr } = await stuckJobs(words, { env: {} });
    expect(code).toBe(2);
    expect(stdout + stderr).not.toContain("abcdefghijklmnop");
  });

  it.each([
    ["percent-encoded", encodeURIComponent(TOKEN).replaceAll(".", "%2e")],
    ["in base64", Buffer.from(`x:${TOKEN}`).toString("base64")],
    ["in upper case", TOKEN.toUpperCase()],
    ["in JSON escapes", TOKEN.replaceAll("p", "\\u0070")],
  ])("that a server repeats %s", async (_, echo) => {
    const answer = {
      status: 422,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ error: { type: "WRONG", message: `said ${echo} to us` } }),
    };
    const world = await openWorld({ instead: () => answer });
    for (const flags of [[], ["-v", "--log-format", "json", "-o", "json"]]) {
      const { stdout, stderr } = await stuckJobs(["recover", ...flags], { env: world.env });
      expect(stderr).toContain("[redacted]");
      expect(stdout + stderr).not.toContain(echo.slice(4, 30));
    }
  });

  it("in what is written into a record from the words of a provider", async () => {
    const key = "nca-key";
    const nca = await startNca();
    const id = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11";
    nca.jobs.set(id, doneJob(500, `x-api-key ${key} has no job, Bearer abcdefghijkl`));
    const world = await openWorld();
    world.job("recJobs0000000001", { "External Job ID": id, Type: "combine", Segments: ["recSegs0000000001"] });
    addSegment(world, "recSegs0000000001");
    const env = { ...world.env, NCA_BASE_URL: nca.url, NCA_API_KEY: key };
    expect((await stuckJobs(["recover"], { env })).code).toBe(0);
    const fields = world.fields("Jobs", "recJobs0000000001");
    expect(fields["Error Details"]).toContain("x-api-key [redacted] has no job, Bearer [redacted]");
    expect(JSON.stringify(fields)).not.toContain(key);
  });

  it("in the webhook URL that explain shows", async () => {
    const world = await openWorld();
    world.job("recJobs0000000001", {
      "External Job ID": "e1",
      Type: "combine",
      "Webhook URL": "https://app.example/hook?operation=combine&api_key=sesame-open-now",
    });
    for (const flags of [[], ["-o", "json"]]) {
      const { stdout } = await stuckJobs(["explain", "e1", ...flags], { env: world.env });
      expect(stdout).not.toContain("sesame-open-now");
    }
  });
});
