import { expect, it } from "vitest";
import { folder, stuckJobs } from "./cli.ts";
import { serveHere } from "./sandbox-server.ts";

it("a run that is under way keeps others out, who say whose it is and since when, and dies with its lock", async () => {
  const before = new Date().toISOString();
  const served = await serveHere(folder(), { do: "hang", method: "PATCH", nth: 1 });
  const run = (args: readonly string[], started?: (kill: (signal: NodeJS.Signals) => void, pid?: number) => void) =>
    stuckJobs(args, { env: served.env, ...(started === undefined ? {} : { started }) });
  let kill = (_: NodeJS.Signals) => {};
  let holder: number | undefined;
  const first = run(["recover"], (given, pid) => {
    kill = given;
    holder = pid;
  });
  await expect.poll(() => served.faults, { timeout: 30_000 }).toHaveLength(1);

  const second = await run(["recover"]);
  expect([second.code, second.stdout]).toEqual([75, ""]);
  const [, pid, since = ""] = /another run .* is under way: process (\d+), since (\S+)\n$/.exec(second.stderr) ?? [];
  expect(Number(pid)).toBe(holder);
  expect(since > before && since < new Date().toISOString()).toBe(true);
  expect((await run(["fail-old"])).code).toBe(75);
  expect((await run(["scan"])).code).toBe(0);
  expect((await run(["recover", "--dry-run"])).code).toBe(0);

  kill("SIGKILL");
  expect(await first).toMatchObject({ signal: "SIGKILL" });
  expect(await run(["recover"])).toMatchObject({ code: 0, stderr: "" });
  await served.stop();
});
