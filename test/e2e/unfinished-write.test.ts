import { expect, it } from "vitest";
import { SECOND } from "../support/builders.ts";
import { ageJournals } from "./age-journal.ts";
import { folder, stuckJobs } from "./cli.ts";
import { addSegment, openWorld } from "./world.ts";

const JOB = "recJobs0000000001";

it("a run waits for the last write of a killed one, which arrives late, and does not write the job twice", async () => {
  const cwd = folder();
  let kill: (signal: NodeJS.Signals) => void = () => undefined;
  let isFirst = true;
  const world = await openWorld({
    instead: (request) => {
      if (request.method !== "PATCH" || !request.path.endsWith("/Jobs") || !isFirst) return undefined;
      isFirst = false;
      kill("SIGKILL");
      // It is on its way for another while.
      setTimeout(() => world.base.handle(request, Date.now()), 2 * SECOND);
      return null;
    },
  });
  addSegment(world, "recSegs0000000001");
  world.job(JOB, { Type: "combine", "External Job ID": "e1", Segments: ["recSegs0000000001"] });
  world.output("e1_output_0.mp4");
  const started = (given: typeof kill) => {
    kill = given;
  };
  expect((await stuckJobs(["recover"], { env: world.env, cwd, started })).signal).toBe("SIGKILL");
  ageJournals(cwd, 25 * SECOND);
  expect((await stuckJobs(["recover"], { env: world.env, cwd })).code).toBe(0);
  const { Status, Notes } = world.fields("Jobs", JOB);
  expect([Status, String(Notes).split("\n").length]).toEqual(["completed", 1]);
  const jobs = world.requests.filter(({ method, path }) => method === "PATCH" && path.endsWith("/Jobs"));
  expect(jobs).toHaveLength(1);
});
