import { fork, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import * as z from "zod";
import type { WorldSpec } from "./world.ts";

/** What the servers of a world have seen. */
const countsSchema = z.object({
  airtable: z.int(),
  /** Answered with 429. */
  refused: z.int(),
  storage: z.int(),
  lists: z.int(),
  /** Records read again before they are written. */
  reads: z.int(),
  writes: z.int(),
  mostInASecond: z.int(),
});

export type Counts = z.output<typeof countsSchema>;

/** A world whose servers run in a process of their own. */
export interface World {
  readonly env: Readonly<Record<string, string>>;
  counts(): Promise<Counts>;
  close(): Promise<void>;
}

/** Where the bench finds its own bundles. */
export interface Places {
  readonly server: string;
  /** The shipped build. */
  readonly cli: string;
  /** The same sources without the pace, so that large worlds can be measured in reasonable time. */
  readonly unpaced: string;
  /** The libraries of a start, without the tool (bench/bare-start.ts). */
  readonly bare: string;
  readonly rusage: string;
}

export const PLACES: Places = z
  .object({ server: z.string(), cli: z.string(), unpaced: z.string(), bare: z.string(), rusage: z.string() })
  .parse(JSON.parse(process.env.STUCK_JOBS_BENCH ?? "{}"));

/** Starts the servers of a world. */
export async function openWorld(spec: WorldSpec): Promise<World> {
  const child = fork(PLACES.server, [JSON.stringify(spec)]);
  const next = () =>
    new Promise<unknown>((resolve, reject) => {
      child.once("message", resolve);
      child.once("exit", (code) => reject(new Error(`the world's servers ended with ${code}`)));
    });
  const env = z.record(z.string(), z.string()).parse(await next());
  return {
    env,
    async counts() {
      const answer = next();
      child.send("counts");
      return countsSchema.parse(await answer);
    },
    close: () =>
      new Promise((resolve) => {
        child.removeAllListeners("exit");
        child.once("exit", () => resolve());
        child.disconnect();
      }),
  };
}

/** What a process took: milliseconds of CPU (user and system) and of wall time, and its greatest memory in bytes. */
const usageSchema = z.object({ cpu: z.number(), wall: z.number(), memory: z.number(), code: z.int() });

export type Usage = z.output<typeof usageSchema> & { readonly stdout: string };

/**
 * Runs a program to its end, in a folder that holds the `files` alone, by name, and is its home, and with nothing in its
 * environment but what is given. Node does not report the resource usage of children; wait4 does, which Python has.
 */
export async function measure(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
): Promise<Usage> {
  const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-bench-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const child = spawn("python3", [PLACES.rusage, ...command], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? "", XDG_RUNTIME_DIR: folder, HOME: folder, ...env },
    stdio: ["ignore", "pipe", "inherit", "pipe"],
  });
  const gathered = (fd: number) => {
    const chunks: Buffer[] = [];
    const stream = child.stdio[fd];
    if (stream instanceof Readable) stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    return () => Buffer.concat(chunks).toString();
  };
  const [stdout, usage] = [gathered(1), gathered(3)];
  await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  rmSync(folder, { recursive: true, force: true });
  return { ...usageSchema.parse(JSON.parse(usage())), stdout: stdout() };
}

const reportSchema = z.object({
  durationMs: z.number(),
  requests: z.object({ airtable: z.int(), postgres: z.int().optional(), storage: z.int() }),
  summary: z.object({ stuck: z.int(), recovered: z.int(), failed: z.int(), errors: z.int() }),
});

export type Report = z.output<typeof reportSchema>;

export interface Swept extends Usage {
  readonly report: Report;
}

/** Runs the CLI over a world and reads its report. */
export async function sweep(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cli: string = PLACES.cli,
): Promise<Swept> {
  const usage = await measure([process.execPath, cli, ...args, "-o", "ndjson"], env);
  const last = usage.stdout.trimEnd().split("\n").at(-1) ?? "";
  return { ...usage, report: reportSchema.parse(JSON.parse(last)) };
}

/** The middle of several measurements. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = sorted.length % 2 === 1 ? [sorted[middle], sorted[middle]] : sorted.slice(middle - 1);
  return (low + high) / 2;
}
