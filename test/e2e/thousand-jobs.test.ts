import { describe, expect, it } from "vitest";
import { HOUR, MINUTE } from "../support/builders.ts";
import { stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, addVideo, openWorld, type World } from "./world.ts";

const OPERATIONS = {
  combine: { table: "Segments", field: "Voiceover + Video", key: "segment_id", output: "_output_0.mp4" },
  concatenate: { table: "Videos", field: "Combined Segments Video", key: "video_id", output: ".mp4" },
  add_music: { table: "Videos", field: "Video + Music", key: "video_id", output: "_output_0.mp4" },
  image_zoom: { table: "Segments", field: "Video", key: "segment_id", output: "_output_0.mp4" },
} as const;

type Name = keyof typeof OPERATIONS;
const NAMES = ["combine", "concatenate", "add_music", "image_zoom"] as const;

/** Of the 60 stuck jobs of an operation the first 45 have an output, the next 5 wait, the last 10 died. */
function addStuck(world: World, name: Name, n: number): void {
  const { table, key, output } = OPERATIONS[name];
  const number = `${name.slice(0, 3)}${String(n).padStart(3, "0")}`;
  const target = `recTarget${number.padStart(8, "0")}`.slice(0, 17);
  (table === "Segments" ? addSegment : addVideo)(world, target);
  const payload = n % 5 === 0 ? `{"${key}": "${target}"}` : `{'${key}': '${target}', 'duration_override': None}`;
  world.job(
    idOf(name, n),
    {
      Type: name === "image_zoom" ? "video_generation" : name === "add_music" ? "add_music_to_video" : name,
      "External Job ID": `${number}-ext`,
      "Request Payload": payload,
      "Webhook URL": `https://app.example.com/webhooks/nca-toolkit?job_id=x&operation=${name}&target_id=${target}`,
      ...(n % 2 === 0 ? { [table === "Segments" ? "Segments" : "Related Video"]: [target] } : {}),
    },
    n < 50 ? 20 * MINUTE + n * 1000 : 2 * HOUR,
  );
  if (n < 45) world.output(`${number}-ext${output}`, 1_000_000 + n);
}

function idOf(name: Name, n: number): string {
  return `recJob${name.slice(0, 3)}${String(n).padStart(8, "0")}`;
}

describe("a base of 1,000 jobs with 60 stuck ones of every operation", () => {
  it("gets every file that exists into its right field, and nothing else", { timeout: 120_000 }, async () => {
    const world = await openWorld();
    for (let n = 0; n < 760; n += 1) {
      const fields = { Status: n % 9 === 0 ? "failed" : "completed", Type: "combine", "External Job ID": `old-${n}` };
      world.job(`recOld${String(n).padStart(11, "0")}`, fields, 30 * HOUR);
    }
    for (const name of NAMES) for (let n = 0; n < 60; n += 1) addStuck(world, name, n);
    const before = new Map(world.base.records("Jobs").map((record) => [record.id, record]));

    const { code, stdout, stderr } = await stuckJobs(["recover", "-o", "json"], { env: world.env });
    expect([code, stderr]).toEqual([0, ""]);
    const report = reportIn(stdout);
    expect(report.summary).toEqual({
      stuck: 240,
      recovered: 180,
      failed: 40,
      waiting: 20,
      skipped: 0,
      unknown: 0,
      errors: 0,
    });
    expect(report.requests.airtable).toBe(world.requests.length);
    expect(report.requests.storage).toBe(world.bucket.requestCount());

    for (const name of NAMES) {
      const { table, field, output } = OPERATIONS[name];
      for (let n = 0; n < 60; n += 1) {
        const job = world.fields("Jobs", idOf(name, n));
        expect([idOf(name, n), job.Status]).toEqual([
          idOf(name, n),
          n < 45 ? "completed" : n < 50 ? "processing" : "failed",
        ]);
        const externalId = String(job["External Job ID"]);
        const target = `recTarget${externalId.replace("-ext", "").padStart(8, "0")}`.slice(0, 17);
        const cell = world.fields(table, target)[field];
        const expected = n < 45 ? [{ filename: `${externalId}${output}`, size: 1_000_000 + n }] : undefined;
        expect(cell).toEqual(expected?.map((file) => expect.objectContaining(file)));
      }
    }
    for (const record of world.base.records("Jobs")) {
      if (record.id.startsWith("recOld")) expect(record).toBe(before.get(record.id));
    }
  });
});
