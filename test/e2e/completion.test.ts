import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { flattened, referenceOf } from "../../src/cli/help/reference.ts";
import { createWholeProgram } from "../../src/cli/program.ts";
import { processTerminal } from "../../src/cli/terminal/terminal.ts";
import { folder, run } from "./cli.ts";

const isHere = (shell: string) => spawnSync(shell, ["--version"]).error === undefined;
const program = await createWholeProgram({ env: {}, terminal: processTerminal(process), exit: () => {} });
const commands = flattened(referenceOf(program));

const scripts: Record<string, string> = {};
beforeAll(async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, stdout, stderr } = await run(process.execPath, ["bin/stuck-jobs.js", "completion", shell], {
      cwd: ".",
    });
    expect([code, stderr]).toEqual([0, ""]);
    scripts[shell] = stdout;
  }
});

describe("completion in bash", () => {
  it.each([
    ["commands", ["sc"], ["scan", "schedule"]],
    ["commands of a command", ["schedule", ""], ["print", "help"]],
    ["an argument's choices", ["schedule", "print", "k"], ["kubernetes"]],
    ["flags of the command alone", ["scan", "--exit"], ["--exit-code"]],
    ["no flag of another command", ["scan", "--dry"], []],
    ["a value's choices", ["recover", "--output", ""], ["table", "json", "ndjson"]],
    ["a value's choices after =", ["recover", "--output", "=", "n"], ["ndjson"]],
    ["a value's choices right after =", ["recover", "--output", "="], ["table", "json", "ndjson"]],
    ["a value's choices after the short flag", ["recover", "-o", "t"], ["table"]],
    ["nothing for a value that only the user knows", ["recover", "--older-than", ""], []],
    ["flags after a value that is called like a command", ["recover", "--operation", "scan", "--no-f"], ["--no-fail"]],
    ["what help knows", ["help", "fail"], ["fail-old"]],
  ])("completes %s", async (_, words, expected) => {
    expect([...(await inBash(words))].sort()).toEqual([...expected].sort());
  });

  it("completes files and folders, with blanks in their names", async () => {
    const cwd = folder();
    writeFileSync(join(cwd, "my jobs.yaml"), "");
    mkdirSync(join(cwd, "my units"));
    expect([...(await inBash(["scan", "--config", "my"], cwd))].sort()).toEqual(["my jobs.yaml", "my units"]);
    expect(await inBash(["schedule", "print", "systemd", "--out", "my"], cwd)).toEqual(["my units"]);
  });
});

describe("every command and flag of the help", () => {
  it.each(["bash", "zsh", "fish"])("is in the script for %s", (shell) => {
    const script = scripts[shell];
    for (const { path, options } of commands) {
      for (const word of path) expect(script).toContain(word);
      for (const { names } of options) {
        for (const name of names) {
          // fish takes names without their dashes.
          const bare = name.replace(/^-+/, "");
          const fish = name.startsWith("--") ? `--long-option ${bare} ` : `--short-option ${bare} `;
          expect(script).toContain(shell === "fish" ? fish : name);
        }
      }
    }
  });

  it("is read without printing anything", () => {
    const scan = commands.find(({ path }) => path.join(" ") === "scan");
    expect(scan?.notes).toMatch(/^Examples:\n {2}stuck-jobs scan /);
  });
});

describe.skipIf(!isHere("zsh"))("completion in zsh", () => {
  it("is a script that zsh reads", async () => {
    const script = join(folder(), "_stuck-jobs");
    writeFileSync(script, scripts.zsh ?? "");
    const ran = await run(
      "zsh",
      ["-f", "-c", `autoload -U compinit; compinit -D; source ${script}; print $_comps[stuck-jobs]`],
      {},
    );
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([0, "_stuck-jobs\n", ""]);
  });
});

describe.skipIf(!isHere("fish"))("completion in fish", () => {
  it.each([
    ["sc", ["scan", "schedule"]],
    ["schedule print k", ["kubernetes"]],
    ["recover --output n", ["ndjson"]],
    ["scan --dry", []],
  ])("completes %s", async (words, expected) => {
    const script = join(folder(), "stuck-jobs.fish");
    writeFileSync(script, scripts.fish ?? "");
    const home = folder();
    const ran = await run("fish", ["--no-config", "-c", `source ${script}; complete -C "stuck-jobs ${words}"`], {
      env: { HOME: home },
    });
    const proposed = ran.stdout.split("\n").filter((line) => line !== "");
    expect(proposed.map((line) => line.split("\t", 1).join()).sort()).toEqual([...expected].sort());
  });
});

/** What bash proposes for the last word. */
async function inBash(words: readonly string[], cwd = folder()): Promise<readonly string[]> {
  const asked = `${scripts.bash}
complete -p stuck-jobs | grep -q -- '-F _stuck_jobs stuck-jobs' || exit 9
COMP_WORDS=(stuck-jobs "$@")
COMP_CWORD=$#
_stuck_jobs
for word in "\${COMPREPLY[@]}"; do printf '%s\\n' "$word"; done`;
  const ran = await run("bash", ["--norc", "-c", asked, "bash", ...words], { cwd });
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  return ran.stdout.split("\n").filter((word) => word !== "");
}
