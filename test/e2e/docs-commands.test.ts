import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { SandboxBaseName } from "../../src/sandbox/bases.ts";
import { startSandbox } from "../../src/sandbox/server.ts";
import { folder } from "./cli.ts";
import { commandsIn, commandsInSections, runInShell } from "./doc-commands.ts";

/** Sections about the base of the preset; all others of these pages are about a base of another shape. */
const NCA = /NCA Toolkit/;

const PAGES: readonly (readonly [name: string, base: SandboxBaseName, lines: readonly string[]])[] = [
  ["README.md", "renders", commandsInSections("README.md", NCA, false)],
  ["README.md, with NCA Toolkit", "nca", commandsInSections("README.md", NCA, true)],
  ["docs/quickstart.md", "renders", commandsInSections("docs/quickstart.md", NCA, false)],
  ["docs/quickstart.md, with NCA Toolkit", "nca", commandsInSections("docs/quickstart.md", NCA, true)],
  ["docs/troubleshooting.md", "nca", commandsIn("docs/troubleshooting.md")],
];

describe.each(PAGES)("%s", (_, base, lines) => {
  it("has commands", () => {
    expect(lines.length).toBeGreaterThan(1);
  });

  // In order and on one base, as a reader runs them.
  it("has commands that succeed one after the other", { timeout: 240_000 }, async () => {
    const cwd = folder();
    const sandbox = await startSandbox({ base, stateFile: `${cwd}/state.json`, delayedWebhook: false });
    try {
      for (const line of lines) {
        const { code, stdout, stderr } = await runInShell(line, { cwd, env: sandbox.env });
        const isSilent = !/ -v| init/.test(line);
        expect({ line, code, stderr: isSilent ? stderr : "" }).toEqual({ line, code: 0, stderr: "" });
        if (/ (init|scan|doctor|explain|schedule|config|--version)/.test(line))
          expect({ line, stdout }).not.toEqual({ line, stdout: "" });
      }
    } finally {
      await sandbox.close();
    }
  });
});

describe("the configuration in README.md", () => {
  it("is the one that init writes for a base of that shape", async () => {
    const shown = /<!-- init -->\n```yaml\n(.*?)```/s.exec(readFileSync("README.md", "utf8"))?.[1] ?? "";
    const { stdout } = await runInShell("stuck-jobs init --yes --dry-run --sandbox=renders");
    const written = stdout.split("\n").filter((line) => !line.startsWith("#"));
    const place = parse(stdout).storage.baseUrl;
    const expected = shown.replace("https://acme-media.nyc3.digitaloceanspaces.com/renders", () => place);
    expect(written.join("\n")).toBe(expected);
  });
});
