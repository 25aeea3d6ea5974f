import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";

const BIN = resolve("bin/stuck-jobs.js");

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Runs it as another user, which only root can. */
  readonly uid?: number;
  /** Takes stderr instead of the result: a file that is open. */
  readonly stderr?: number;
  /** Called with the process once it runs. */
  readonly started?: (kill: (signal: NodeJS.Signals) => void, pid: number | undefined) => void;
}

/** Runs the built CLI as a process, in an empty folder and with nothing in its environment but what is given. */
export function stuckJobs(args: readonly string[], options: RunOptions = {}) {
  return run(process.execPath, [BIN, ...args], options);
}

/** Runs any program to its end. */
export function run(
  program: string,
  args: readonly string[],
  { env = {}, cwd = folder(), uid, stderr, started }: RunOptions,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      ...(uid === undefined ? {} : { uid }),
      // What is kept from run to run is kept in the test's own folder, not in that of whoever runs the tests.
      env: { PATH: process.env.PATH ?? "", XDG_STATE_HOME: join(cwd, ".state"), ...env },
      stdio: ["pipe", "pipe", stderr ?? "pipe"],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
    child.stdin?.end();
    started?.((name) => child.kill(name), child.pid);
  });
}

/** An empty folder, gone when the test is. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "stuck-jobs-e2e-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
