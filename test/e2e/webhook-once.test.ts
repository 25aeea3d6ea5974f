import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { closedPort, serve } from "../support/servers.ts";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addVideo, openWorld, type World } from "./world.ts";

const JOB = "recJob00000000001";
const VIDEO = "recVideo000000001";
const ID = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11";
const FIELD = "Combined Segments Video";

/** A world with one job whose webhook was lost, and the application that gets it again. */
async function lostWebhook(answer: (response: ServerResponse, world: World) => void, port?: number) {
  const world = await openWorld();
  addVideo(world, VIDEO);
  world.output(`${ID}.mp4`);
  let posts = 0;
  const app = await serve((_request, response) => {
    posts += 1;
    answer(response, world);
  });
  const at = port ?? app.port;
  world.job(JOB, {
    Type: "concatenate",
    "External Job ID": ID,
    "Related Video": [VIDEO],
    "Webhook URL": `http://127.0.0.1:${at}/webhooks/nca-toolkit?job_id=${JOB}&operation=concatenate`,
  });
  const cwd = folder();
  const recover = async (yaml: string, ...args: readonly string[]) => {
    writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), yaml);
    const ran = await stuckJobs(["recover", "-o", "json", ...args], { env: world.env, cwd });
    return { ...ran, jobs: ran.stdout === "" ? [] : reportIn(ran.stdout).jobs };
  };
  return { world, cwd, recover, port: at, posts: () => posts };
}

function config(port: number, fallback: "none" | "direct", more = ""): string {
  return `webhooks: { allowHosts: ["127.0.0.1:${port}"], via: webhook, fallback: ${fallback} }\n${more}`;
}

/** What a handler may answer without completing the job. */
const ANSWERS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  "500": (response) => response.writeHead(500).end(),
  "404": (response) => response.writeHead(404).end(),
  "302": (response) => response.writeHead(302, { location: "/elsewhere" }).end(),
  "200": (response) => response.end("OK"),
  "nothing, and breaks off": (response) => response.destroy(),
};

/** Runs a recovery several times for each answer, side by side: after some of them a run waits for the handler. */
async function afterRuns(fallback: "none" | "direct", runs: number) {
  const results = Object.entries(ANSWERS).map(async ([name, answer]) => {
    const { world, recover, port, posts } = await lostWebhook(answer);
    for (let run = 1; run <= runs; run += 1) await recover(config(port, fallback));
    const isDelivered = world.fields("Videos", VIDEO)[FIELD] !== undefined;
    return [name, [posts(), world.fields("Jobs", JOB).Status, isDelivered]] as const;
  });
  return Object.fromEntries(await Promise.all(results));
}

function forAllAnswers<T>(expected: T): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.keys(ANSWERS).map((name) => [name, expected]));
}

describe("a webhook that is sent again", () => {
  it("is one POST in three runs, whatever its handler answers, and the job is left", async () => {
    expect(await afterRuns("none", 3)).toEqual(forAllAnswers([1, "processing", false]));
  });

  it("is followed by a direct write at the latest in the next run, whatever its handler answers", async () => {
    expect(await afterRuns("direct", 2)).toEqual(forAllAnswers([1, "completed", true]));
  });

  it("is not sent by a run after one that was killed while its handler was at work", async () => {
    const running: { kill?: (signal: NodeJS.Signals) => void } = {};
    const { world, cwd, recover, port, posts } = await lostWebhook(() => running.kill?.("SIGKILL"));
    writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), config(port, "none"));
    const killed = await stuckJobs(["recover"], {
      env: world.env,
      cwd,
      started: (kill) => {
        running.kill = kill;
      },
    });
    expect(killed.signal).toBe("SIGKILL");
    const { code, jobs } = await recover(config(port, "none"));
    expect([code, posts()]).toEqual([3, 1]);
    expect(jobs[0]?.error).toContain("is not sent twice");
  });

  it("is sent once more by a person's word: --job with --force", async () => {
    const { recover, port, posts } = await lostWebhook((response) => response.writeHead(404).end());
    const settings = config(port, "none");
    await recover(settings);
    await recover(settings, "--force");
    await recover(settings, "--job", ID);
    expect(posts()).toBe(1);
    await recover(settings, "--job", ID, "--force");
    expect(posts()).toBe(2);
  });

  it("was not sent where nothing listened, and is sent by the next run", async () => {
    const free = await closedPort();
    const { world, recover, port } = await lostWebhook(() => undefined, free);
    await recover(config(port, "none"));
    expect(world.fields("Jobs", JOB).Status).toBe("processing");
    let posts = 0;
    await serve((_request, response) => {
      posts += 1;
      response.writeHead(404).end();
    }, free);
    for (const _run of [1, 2]) await recover(config(port, "none"));
    expect(posts).toBe(1);
  });

  it("is remembered by the notes where there is no journal", async () => {
    const { world, recover, port, posts } = await lostWebhook((response) => response.writeHead(404).end());
    for (const _run of [1, 2]) await recover(config(port, "none"), "--journal", "none");
    expect(posts()).toBe(1);
    expect(world.fields("Jobs", JOB).Notes).toContain("Webhook sent again via polling at ");
  });
});

describe("without anything that remembers, via: webhook", () => {
  const NO_NOTES = "jobs: { fields: { notes: null } }";

  it.each(["recover", "scan"])(
    "is refused before anything is asked where %s has neither journal nor notes",
    async (command) => {
      const { world, cwd, port, posts } = await lostWebhook((response) => response.end());
      writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), config(port, "none", `journal: { path: none }\n${NO_NOTES}`));
      const { code, stderr } = await stuckJobs([command], { env: world.env, cwd });
      expect(code).toBe(2);
      expect(stderr).toContain("journal: found none, and no jobs.fields.notes");
      expect([world.requests.length, posts()]).toEqual([0, 0]);
    },
  );

  it("is refused where the default journal cannot be written", async () => {
    const { world, cwd, recover, port, posts } = await lostWebhook((response) => response.end());
    // The state folder is a file: nobody, not even root, can write in it.
    writeFileSync(join(cwd, ".state"), "");
    const { code, stderr } = await recover(config(port, "direct", NO_NOTES));
    expect(code).toBe(2);
    expect(stderr).toContain("neither a journal nor notes can record it");
    expect([world.requests.length, posts()]).toEqual([0, 0]);
    expect(world.fields("Jobs", JOB).Status).toBe("processing");
  });
});
