import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { folder, run } from "./cli.ts";
import { openWorld } from "./world.ts";

describe("the packed tarball", () => {
  it("installs globally into an empty prefix, offline, and does the main job there", { timeout: 120_000 }, async () => {
    const [prefix, home, destination] = [folder(), folder(), folder()];
    const env = { HOME: home, npm_config_cache: join(home, "cache"), npm_config_update_notifier: "false" };
    const npm = (args: readonly string[], cwd: string) => run("npm", args, { env, cwd });

    const packed = await npm(["pack", "--ignore-scripts", "--json", "--pack-destination", destination], resolve("."));
    expect(packed.code).toBe(0);
    const [tarball = ""] = readdirSync(destination);
    const installed = await npm(
      ["install", "--global", "--prefix", prefix, "--offline", "--no-audit", "--no-fund", join(destination, tarball)],
      destination,
    );
    expect([installed.code, installed.stderr.replace(/^npm warn .*\n/gm, "")]).toEqual([0, ""]);
    expect(readdirSync(join(prefix, "lib/node_modules"))).toEqual(["stuck-jobs"]);

    expect(readdirSync(join(prefix, "share/man/man1"))).toEqual(["stuck-jobs.1"]);
    const program = join(prefix, "bin/stuck-jobs");
    expect(statSync(program).mode & 0o111).not.toBe(0);
    const version = await run(program, ["--version"], {});
    expect(version.stdout).toContain(packageJson.version);
    const recovered = await run(program, ["recover", "--sandbox"], {});
    expect([recovered.code, recovered.stderr]).toEqual([0, ""]);
    expect(recovered.stdout).toContain("10 recovered, 2 failed");

    const { stdout: written } = await run(program, ["init", "--yes", "--dry-run"], { env: (await openWorld()).env });
    const [, schema = ""] = /\$schema=(.+)$/m.exec(written) ?? [];
    expect(schema).toBe(join(prefix, "lib/node_modules/stuck-jobs/schema/stuck-jobsrc.schema.json"));
    expect(statSync(schema).isFile()).toBe(true);
  });
});
