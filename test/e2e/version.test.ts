import { expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { stuckJobs } from "./cli.ts";

it("--version prints the version, that of Node and the platform", async () => {
  const { code, stdout, stderr } = await stuckJobs(["--version"]);
  expect([code, stderr]).toEqual([0, ""]);
  const { version, platform, arch } = process;
  expect(stdout).toBe(`stuck-jobs ${packageJson.version} (node ${version}, ${platform} ${arch})\n`);
});

it.each([["--version"], ["--help"], ["scan", "--sandbox"], ["doctor", "--sandbox"]])(
  "prints no warning of Node's, which cron would mail: %s %s",
  async (...words) => {
    const { code, stderr } = await stuckJobs(words.filter((word) => word !== undefined));
    expect([code, stderr]).toEqual([0, ""]);
  },
);
