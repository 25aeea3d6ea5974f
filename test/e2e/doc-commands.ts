import { readFileSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { folder, type Ran, type RunOptions, run } from "./cli.ts";

/** Returns the program's command lines in a page's fenced `sh` blocks, without trailing comments. */
export function commandsIn(page: string): readonly string[] {
  return commandsInText(readFileSync(page, "utf8"));
}

/** Returns the command lines of the sections whose heading fits, or of all others. */
export function commandsInSections(page: string, heading: RegExp, fits: boolean): readonly string[] {
  const sections = readFileSync(page, "utf8").split(/^(?=## )/m);
  return sections.filter((section) => heading.test(section.split("\n", 1)[0] ?? "") === fits).flatMap(commandsInText);
}

function commandsInText(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)];
  return blocks
    .flatMap(([, text = ""]) => text.split("\n"))
    .filter((line) => line.startsWith("stuck-jobs "))
    .map((line) => line.replace(/\s{2,}#.*$/, ""));
}

/** Runs a line in a shell where the program is installed. */
export function runInShell(line: string, { env = {}, cwd = folder(), ...options }: RunOptions = {}): Promise<Ran> {
  const bin = folder();
  symlinkSync(resolve("bin/stuck-jobs.js"), join(bin, "stuck-jobs"));
  const path = `${bin}:${process.env.PATH}`;
  return run("/bin/sh", ["-c", line], { ...options, cwd, env: { ...env, PATH: path } });
}
