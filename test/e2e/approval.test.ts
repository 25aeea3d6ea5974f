import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HOUR } from "../support/builders.ts";
import { folder, stuckJobs } from "./cli.ts";
import { openManyBases } from "./many-world.ts";
import { reportIn } from "./report.ts";
import { onTerminal } from "./terminal.ts";
import { addSegment, openWorld, type World, type WorldOptions } from "./world.ts";

const [ONE, TWO, LOST] = ["recJobs0000000001", "recJobs0000000002", "recJobs0000000003"] as const;

/** Two jobs whose output exists, and with `lost` a third whose output is absent since long. */
async function worldOf({ lost = false, ...options }: WorldOptions & { readonly lost?: boolean } = {}): Promise<World> {
  const world = await openWorld({ listing: "open", ...options });
  for (const n of [1, 2]) {
    addSegment(world, `recSegs000000000${n}`);
    world.job(`recJobs000000000${n}`, {
      "External Job ID": `e${n}`,
      Type: "combine",
      Segments: [`recSegs000000000${n}`],
    });
    world.output(`e${n}_output_0.mp4`);
  }
  if (lost) {
    addSegment(world, "recSegs0000000003");
    const fields = { "External Job ID": "e3", Type: "combine", Segments: ["recSegs0000000003"] };
    world.job(LOST, fields, 2 * HOUR);
  }
  return world;
}

function statusesIn(world: World, ids: readonly string[] = [ONE, TWO]): readonly unknown[] {
  return ids.map((id) => world.fields("Jobs", id).Status);
}

function writesTo(world: World): number {
  return world.requests.filter(({ method }) => method === "PATCH").length;
}

describe("recover on a terminal", () => {
  it("shows its plan, asks once, and writes after a yes", async () => {
    const world = await worldOf({ lost: true });
    const answers = [{ to: "Recover 2 jobs and fail 1 job? [y/N]", keys: "y\n" }];
    const { code, shown } = await onTerminal(["recover"], { env: world.env, answers });
    expect(code).toBe(0);
    expect(shown).toContain("3 stuck jobs: 2 would be recovered, 1 would be failed");
    expect(shown).toContain("3 stuck jobs: 2 recovered, 1 failed");
    expect(shown.split("[y/N]")).toHaveLength(2);
    expect(shown).not.toContain("Next: stuck-jobs recover");
    expect(statusesIn(world, [ONE, TWO, LOST])).toEqual(["completed", "completed", "failed"]);
  });

  it.each([
    ["n", "n\n"],
    ["an empty answer", "\n"],
    ["the end of the input", "\u0004"],
  ])("writes nothing after %s, and exits with 0", async (_, keys) => {
    const world = await worldOf();
    const { code, shown } = await onTerminal(["recover"], { env: world.env, answers: [{ to: "[y/N]", keys }] });
    expect([code, shown]).toEqual([0, expect.stringContaining("nothing was written")]);
    expect(writesTo(world)).toBe(0);
  });

  it("exits with 130 after Ctrl+C, and says that nothing was written", async () => {
    const world = await worldOf();
    const answers = [{ to: "[y/N]", keys: "\u0003" }];
    const { code, shown } = await onTerminal(["recover"], { env: world.env, answers });
    expect([code, shown]).toEqual([130, expect.stringContaining("nothing was written")]);
    expect(writesTo(world)).toBe(0);
  });

  it.each([["--yes"], ["--quiet"], ["-o", "json"], ["-o", "ndjson"], ["--json", "id"]])(
    "does not ask with %s %s",
    async (...flags) => {
      const world = await worldOf();
      const { code, shown } = await onTerminal(["recover", ...flags], { env: world.env });
      expect([code, shown.includes("[y/N]")]).toEqual([0, false]);
      expect(statusesIn(world)).toEqual(["completed", "completed"]);
    },
  );

  it("does not ask in the sandbox", async () => {
    const { code, shown } = await onTerminal(["recover", "--sandbox"]);
    expect([code, shown.includes("[y/N]")]).toEqual([0, false]);
    expect(shown).toContain("recovered");
  });

  it("does not ask where nothing would be written", async () => {
    const world = await openWorld();
    const { code, shown } = await onTerminal(["recover"], { env: world.env });
    expect([code, shown.includes("[y/N]")]).toEqual([0, false]);
    expect(shown).toContain("No stuck jobs");
  });

  it("asks on stderr where the result is piped", async () => {
    const world = await worldOf();
    const cwd = folder();
    const answers = [{ to: "Recover 2 jobs? [y/N]", keys: "y\n" }];
    const { code } = await onTerminal(["recover"], { env: world.env, cwd, answers, suffix: "> result" });
    expect(code).toBe(0);
    expect(readFileSync(join(cwd, "result"), "utf8")).toMatch(/^stuck-jobs recover: 2 stuck jobs: 2 recovered.*\n$/);
  });

  it("holds no lock while it waits", async () => {
    const world = await worldOf();
    const keys = async () => {
      const other = await stuckJobs(["recover"], { env: world.env });
      expect(other.code).toBe(0);
      return "y\n";
    };
    const { code, shown } = await onTerminal(["recover"], { env: world.env, answers: [{ to: "[y/N]", keys }] });
    expect([code, shown]).toEqual([0, expect.stringContaining("No stuck jobs")]);
    expect(statusesIn(world)).toEqual(["completed", "completed"]);
  });

  it("holds no deadline while it waits", async () => {
    const world = await worldOf();
    const keys = async () => {
      await new Promise((resolve) => setTimeout(resolve, 3_500));
      return "y\n";
    };
    const answers = [{ to: "[y/N]", keys }];
    const { code } = await onTerminal(["recover", "--deadline", "3s"], { env: world.env, answers });
    expect(code).toBe(0);
    expect(statusesIn(world)).toEqual(["completed", "completed"]);
  });

  it("writes nothing beyond its plan: no job that came since, and none whose verdict is another now", async () => {
    const world = await worldOf({ lost: true });
    const keys = async () => {
      world.output("e3_output_0.mp4");
      addSegment(world, "recSegs0000000004");
      world.job("recJobs0000000004", { "External Job ID": "e4", Type: "combine", Segments: ["recSegs0000000004"] });
      world.output("e4_output_0.mp4");
      return "y\n";
    };
    const { code, shown } = await onTerminal(["recover"], { env: world.env, answers: [{ to: "[y/N]", keys }] });
    expect(code).toBe(0);
    expect(shown).toContain("2 recovered, 0 failed, 2 skipped (2 not-confirmed)");
    expect(shown.replace(/\s+/g, " ")).toContain("2 jobs changed, or became stuck, after the plan that you approved");
    expect(statusesIn(world, [ONE, TWO, LOST, "recJobs0000000004"])).toEqual([
      "completed",
      "completed",
      "processing",
      "processing",
    ]);
  });

  it("asks once for several bases", async () => {
    const world = await openManyBases(2);
    for (const n of [0, 1]) world.stuck(n, "recoverable");
    const answers = [{ to: "Recover 2 jobs? [y/N]", keys: "y\n" }];
    const { code, shown } = await onTerminal(["recover"], { env: world.env, cwd: world.configured(), answers });
    expect([code, shown.split("[y/N]").length]).toEqual([0, 2]);
    expect([0, 1].map((n) => world.status(n, "recoverable"))).toEqual(["completed", "completed"]);
  });
});

describe("recover --confirm", () => {
  it("asks about each job, with its file and target", async () => {
    const world = await worldOf();
    const answers = [
      { to: "[y/N]", keys: "n\n" },
      { to: "[y/N]", keys: "y\n" },
    ];
    const { code, shown } = await onTerminal(["recover", "--confirm"], { env: world.env, answers });
    expect(code).toBe(0);
    expect(shown).toMatch(
      /Recover recJobs000000000\d \(combine, 10m.*\): output-found, e\d_output_0\.mp4 \(1\.0 MB\) into Segments recSegs000000000\d, field "Voiceover \+ Video"\? \[y\/N\]/,
    );
    expect(statusesIn(world).toSorted()).toEqual(["completed", "processing"]);
  });

  it("exits with 130 after Ctrl+C, and says what was written so far", async () => {
    const world = await worldOf();
    const answers = [{ to: "[y/N]", keys: "\u0003" }];
    const { code, shown } = await onTerminal(["recover", "--confirm"], { env: world.env, answers });
    expect([code, shown]).toEqual([130, expect.stringContaining("interrupted: nothing was written so far")]);
    expect(shown.split("[y/N]")).toHaveLength(2);
    expect(statusesIn(world)).toEqual(["processing", "processing"]);
  });
});

describe("without a terminal", () => {
  it("recover does not ask", async () => {
    const world = await worldOf();
    const { code, stdout } = await stuckJobs(["recover", "-o", "json"], { env: world.env });
    expect([code, reportIn(stdout).summary.recovered]).toEqual([0, 2]);
  });
});
