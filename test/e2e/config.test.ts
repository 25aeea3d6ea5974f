import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { folder, stuckJobs } from "./cli.ts";
import { openWorld } from "./world.ts";

const report = z.strictObject({
  schema: z.literal("stuck-jobs/config@1"),
  path: z.string().nullable(),
  bases: z.array(
    z.strictObject({
      name: z.string().nullable(),
      values: z.array(z.strictObject({ key: z.string(), value: z.json(), from: z.string() })),
    }),
  ),
});

/** A folder with a configuration file. */
function folderWith(content: string) {
  const cwd = folder();
  const path = join(cwd, ".stuck-jobsrc.yaml");
  writeFileSync(path, content);
  return { cwd, path };
}

async function show(content: string, env: Readonly<Record<string, string>> = {}) {
  const { cwd, path } = folderWith(content);
  const { code, stdout, stderr } = await stuckJobs(["config", "show", "-o", "json"], { cwd, env });
  const { bases } = report.parse(JSON.parse(stdout));
  const of = (key: string, base = 0) => {
    const found = bases[base]?.values.find((each) => each.key === key);
    return found === undefined ? null : [found.value, found.from === path ? "file" : found.from];
  };
  return { code, stdout, stderr, of };
}

describe("config show", () => {
  it("says of every value where it comes from", async () => {
    const { code, of } = await show(
      "thresholds: { stuckAfter: 10m, maxAge: 48h }\nstorage: { baseUrl: https://file.example/b }",
      { STUCK_JOBS_STORAGE_URL: "https://env.example/b", POLLING_MAX_AGE_HOURS: "3" },
    );
    expect(code).toBe(0);
    expect(of("storage.baseUrl")).toEqual(["https://env.example/b", "STUCK_JOBS_STORAGE_URL"]);
    expect(of("thresholds.maxAge")).toEqual(["3h", "POLLING_MAX_AGE_HOURS"]);
    expect(of("thresholds.stuckAfter")).toEqual(["10m", "file"]);
    expect(of("operations.combine.set.Status")).toEqual(["combined", "preset nca"]);
    expect(of("thresholds.failAfter")).toEqual(["1h", "default"]);
    expect(of("webhooks.signature")).toEqual([null, "default"]);
    expect(of("providers.nca.baseUrl")).toBeNull();
  });

  it("masks secrets, wherever they stand", async () => {
    const content = `
storage: { credentials: { accessKeyId: the-id, secretAccessKey: hidden-1 } }
monitoring: { notifyUrl: "https://hooks.example/hidden-2" }
providers: { own: { url: "https://p.example/{externalId}", headers: { Authorization: "Key hidden-3" }, state: /s, states: { succeeded: [ok] } } }
`;
    const env = {
      AIRTABLE_API_KEY: "hidden-4",
      STUCK_JOBS_PING_URL: "https://hc.example/hidden-5",
      NCA_API_KEY: "hidden-6",
      NCA_BASE_URL: "https://nca.example",
    };
    const { code, of, stdout, stderr } = await show(content, env);
    expect(stdout + stderr).not.toContain("hidden");
    expect(code).toBe(0);
    expect(of("storage.credentials.accessKeyId")).toEqual(["the-id", "file"]);
    expect(of("storage.credentials.secretAccessKey")).toEqual(["********", "file"]);
    expect(of("monitoring.pingUrl")).toEqual(["********", "STUCK_JOBS_PING_URL"]);
    expect(of("monitoring.notifyUrl")).toEqual(["********", "file"]);
    expect(of("providers.own.headers")).toEqual(["********", "file"]);
    expect(of("providers.nca.baseUrl")).toEqual(["https://nca.example", "NCA_BASE_URL"]);
    expect(of("AIRTABLE_API_KEY")).toEqual(["********", "environment"]);
  });

  it("shows each base of a list with its own values", async () => {
    const { of } = await show(`
jobs: { table: Work }
bases:
  - { baseId: appOne00000000001, name: one, jobs: { table: Tasks } }
  - { baseId: appTwo00000000001 }
`);
    expect([of("jobs.table", 0), of("jobs.table", 1)]).toEqual([
      ["Tasks", "file"],
      ["Work", "file"],
    ]);
    expect(of("airtable.baseId", 1)).toEqual(["appTwo00000000001", "file"]);
  });

  it("prints columns, and what is wrong after them", async () => {
    const { cwd, path } = folderWith("thresholds: { stuckAfter: 5 }");
    const { code, stdout, stderr } = await stuckJobs(["config", "show"], { cwd });
    expect(code).toBe(2);
    expect(stdout).toMatch(new RegExp(`^thresholds\\.stuckAfter +5 +${path}$`, "m"));
    expect(stderr).toContain("thresholds.stuckAfter: found 5; expected a number with its unit");
  });
});

describe("config validate", () => {
  it("needs no token, and sends no request", async () => {
    const world = await openWorld();
    const { cwd, path } = folderWith("thresholds: { stuckAfter: 10m }");
    const env = { AIRTABLE_ENDPOINT_URL: world.env.AIRTABLE_ENDPOINT_URL ?? "" };
    const { code, stdout, stderr } = await stuckJobs(["config", "validate"], { cwd, env });
    expect([code, stdout]).toEqual([0, `valid: ${path} (operations: combine, concatenate, add_music, image_zoom)\n`]);
    expect(stderr).toContain("AIRTABLE_API_KEY, AIRTABLE_BASE_ID");
    expect(world.requests).toEqual([]);
    const whole = await stuckJobs(["config", "validate"], { cwd, env: world.env });
    expect([whole.code, whole.stderr]).toEqual([0, ""]);
  });

  it("names the keys of providers that are not set, and no others", async () => {
    const { cwd } = folderWith(`
providers:
  nca: { baseUrl: https://nca.example }
  own: { url: "https://p.example/{externalId}", headers: { Authorization: "Key \${OWN_KEY}" }, state: /s, states: { succeeded: [ok] } }
`);
    const { code, stdout, stderr } = await stuckJobs(["config", "validate"], { cwd });
    expect([code, stdout]).toEqual([0, expect.not.stringContaining("video")]);
    expect(stderr).toMatch(
      /not set here, but needed by a run: AIRTABLE_API_KEY, AIRTABLE_BASE_ID, NCA_API_KEY, OWN_KEY/,
    );
  });

  it("reports everything that is wrong at once, with exit code 2", async () => {
    const { cwd } = folderWith(
      "watching: {}\nbrake: { share: 0.5 }\nmonitoring: { pingUrl: nowhere }\njobs: { tabl: x }",
    );
    const { code, stdout, stderr } = await stuckJobs(["config", "validate"], { cwd });
    expect([code, stdout]).toEqual([2, ""]);
    for (const problem of [
      'watching: this key was renamed; write "monitoring"',
      "brake.share",
      'did you mean "table"?',
    ]) {
      expect(stderr).toContain(problem);
    }
  });

  it("checks every base of a list", async () => {
    const { cwd } = folderWith("bases:\n  - { baseId: appOne00000000001, thresholds: { stuckAfter: 5 } }");
    const { code, stderr } = await stuckJobs(["config", "validate"], { cwd });
    expect([code, stderr]).toEqual([2, expect.stringContaining("bases[0].thresholds.stuckAfter")]);
  });
});
