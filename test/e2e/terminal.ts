import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { folder } from "./cli.ts";

/** What a person saw on a terminal, where stdout and stderr are one. */
export interface TerminalRun {
  readonly code: number | null;
  readonly shown: string;
}

interface TerminalOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly columns?: number;
  /** The answers: each is typed when its text is shown, which is waited for behind what was shown before. */
  readonly answers?: readonly { readonly to: string; readonly keys: string | (() => Promise<string>) }[];
  /** Behind the program, as a shell would read it: a redirection. */
  readonly suffix?: string;
}

/** Runs the built CLI on a terminal of its own. */
export function onTerminal(args: readonly string[], options: TerminalOptions = {}): Promise<TerminalRun> {
  const { env = {}, cwd = folder(), columns = 200, answers = [], suffix = "" } = options;
  const words = [process.execPath, resolve("bin/stuck-jobs.js"), ...args].map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["-qec", `stty cols ${columns}; exec ${words} ${suffix}`, "/dev/null"], {
    cwd,
    env: {
      PATH: process.env.PATH ?? "",
      TERM: "xterm-256color",
      NO_COLOR: "1",
      XDG_STATE_HOME: `${cwd}/.state`,
      ...env,
    },
  });
  const open = [...answers];
  let shown = "";
  let from = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    shown += chunk.toString();
    const [next] = open;
    const at = next === undefined ? -1 : shown.indexOf(next.to, from);
    if (next === undefined || at < 0) return;
    from = at + next.to.length;
    open.shift();
    if (typeof next.keys === "string") child.stdin.write(next.keys);
    else void next.keys().then((keys) => child.stdin.write(keys));
  });
  return new Promise((done, reject) => {
    child.on("error", reject);
    child.on("close", (code) => done({ code, shown }));
  });
}
