import { describe, expect, it } from "vitest";
import { startSandbox } from "../../src/sandbox/server.ts";
import { folder } from "./cli.ts";
import { commandsIn, runInShell } from "./doc-commands.ts";

const PAGES = ["README.md", "docs/quickstart.md", "docs/troubleshooting.md"];

describe.each(PAGES)("%s", (page) => {
  const lines = commandsIn(page);

  it("has commands", () => {
    expect(lines.length).toBeGreaterThan(3);
  });

  // In order and on one base, as a reader runs them.
  it("has commands that succeed one after the other", { timeout: 240_000 }, async () => {
    const cwd = folder();
    const sandbox = await startSandbox({ stateFile: `${cwd}/state.json`, delayedWebhook: false });
    try {
      for (const line of lines) {
        const { code, stdout, stderr } = await runInShell(line, { cwd, env: sandbox.env });
        expect({ line, code, stderr: line.includes(" -v") ? "" : stderr }).toEqual({ line, code: 0, stderr: "" });
        if (/ (scan|doctor|explain|schedule|--version)/.test(line))
          expect({ line, stdout }).not.toEqual({ line, stdout: "" });
      }
    } finally {
      await sandbox.close();
    }
  });
});
