import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { chaosSchema } from "../../src/sandbox/chaos-file.ts";
import { startSandbox } from "../../src/sandbox/server.ts";
import { STATE } from "./final-state.ts";

/** A sandbox that is served to the CLI. */
export interface Served {
  /** What points the CLI at it. */
  readonly env: Readonly<Record<string, string>>;
  /** The line of each fault so far. */
  readonly faults: readonly string[];
  /** Saves its state; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** The content of a chaos file. The base's limit is out of the way: what has to hold here is the CLI's own pace. */
export function chaos(...rules: readonly object[]): string {
  return JSON.stringify({ requestsPerSecond: 1000, rules });
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** `sandbox serve` as a process. */
export async function serveProcess(
  cwd: string,
  chaosFile: { readonly name: string; readonly content: string },
  onFault: () => void = () => undefined,
): Promise<Served> {
  writeFileSync(join(cwd, chaosFile.name), chaosFile.content);
  const args = [resolve("bin/stuck-jobs.js"), "sandbox", "serve", "--chaos", chaosFile.name];
  const env = { PATH: process.env.PATH ?? "" };
  const child = spawn(process.execPath, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const exit = once(child, "exit");
  running.add(child);
  child.once("exit", () => running.delete(child));
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  const faults: string[] = [];
  const log = createInterface(child.stderr);
  log.on("line", (line) => {
    if (!line.startsWith("chaos: ")) return;
    faults.push(line);
    onFault();
  });
  await once(log, "line");
  return {
    env: Object.fromEntries([...out.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value])),
    faults,
    async stop() {
      child.kill("SIGTERM");
      const [code] = await exit;
      return code;
    },
  };
}

/** The same without a process of its own: for tests that need a hundred of them. */
export async function serveHere(cwd: string, ...rules: readonly object[]): Promise<Served> {
  const faults: string[] = [];
  const sandbox = await startSandbox({
    stateFile: join(cwd, STATE),
    delayedWebhook: false,
    chaos: { rules: chaosSchema.parse(JSON.parse(chaos(...rules))), log: (line) => faults.push(line) },
  });
  return {
    env: sandbox.env,
    faults,
    async stop() {
      await sandbox.close();
      return 0;
    },
  };
}
