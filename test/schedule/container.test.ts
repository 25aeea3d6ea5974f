import { utimesSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { folder, run } from "../e2e/cli.ts";
import { instructions, MINUTE, rendered, valuesOf } from "./schedules.ts";

describe("the image", () => {
  it.each(["fly", "kubernetes"] as const)(
    "for %s is made in two stages and runs as a number that is not root",
    (of) => {
      const lines = instructions(rendered(of, "Dockerfile"));
      const stages = lines.filter(({ word }) => word === "FROM").map(({ rest }) => rest);
      expect(stages).toEqual([`\${NODE_IMAGE} AS install`, `\${NODE_IMAGE}`]);
      expect(valuesOf(lines, "ARG")).toEqual(["NODE_IMAGE=node:24-bookworm-slim"]);
      const last = lines.slice(lines.findLastIndex(({ word }) => word === "FROM"));
      expect(valuesOf(last, "USER")).toEqual(["1000:1000"]);
      // The tarball, npm's cache and whatever else the first stage holds stay there.
      expect(valuesOf(last, "COPY")[0]).toBe("--from=install /opt/stuck-jobs /opt/stuck-jobs");
      expect(last.findIndex(({ word }) => word === "USER")).toBeGreaterThan(
        last.findLastIndex(({ word }) => word === "RUN"),
      );
    },
  );

  it.each(["fly", "kubernetes"] as const)("for %s keeps its journal in a volume that its user may write", (of) => {
    const lines = instructions(rendered(of, "Dockerfile"));
    expect(valuesOf(lines, "ENV")).toContain("STATE_DIRECTORY=/var/lib/stuck-jobs");
    expect(valuesOf(lines, "VOLUME")).toEqual(['["/var/lib/stuck-jobs"]']);
    expect(valuesOf(lines, "RUN")).toContain(
      "install --directory --mode=700 --owner=1000 --group=1000 /var/lib/stuck-jobs",
    );
  });

  it("is healthy for as long as sweeps come to an end, ten intervals apart while the base is away", async () => {
    const lines = instructions(rendered("fly", "Dockerfile", { every: 5 * MINUTE }));
    const [health = ""] = valuesOf(lines, "HEALTHCHECK");
    const [, check = ""] = /CMD (.*)$/.exec(health) ?? [];
    const stamp = `${folder()}/swept`;
    const healthy = async () => (await run("/bin/sh", ["-c", check.replaceAll(/\/tmp\/\S+/g, stamp)], {})).code === 0;
    expect(await healthy()).toBe(false);
    for (const [minutes, expected] of [
      [0, true],
      [53, true],
      [57, false],
    ] as const) {
      writeFileSync(stamp, "");
      const then = Date.now() / 1_000 - minutes * 60;
      utimesSync(stamp, then, then);
      expect([minutes, await healthy()]).toEqual([minutes, expected]);
    }
  });
});
