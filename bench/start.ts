import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atMost, type Effort, megabytes, type Row, ratio, type Section } from "./result.ts";
import { measure, median, openWorld, PLACES } from "./run.ts";

/**
 * What it costs to start: under cron that is nearly all that a run costs. Measured twice where the machine sets
 * NODE_EXTRA_CA_CERTS, as many company machines do: Node 20 reads those certificates before anything else.
 */
export async function measureStart({ full }: Effort): Promise<readonly Section[]> {
  const rounds = full ? 41 : 15;
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  const plain = await measureStarts("Start", rounds, {});
  if (certificates === undefined) return [plain];
  return [plain, await measureStarts("Start with extra certificates", rounds, { NODE_EXTRA_CA_CERTS: certificates })];
}

async function measureStarts(title: string, rounds: number, own: Readonly<Record<string, string>>): Promise<Section> {
  const world = await openWorld({
    finished: 10,
  });
  const home = mkdtempSync(join(tmpdir(), "stuck-jobs-bench-home-"));
  // Node 22 and later keep compiled code: the tool in a folder of its own below the home, the bare libraries by this.
  const env = { ...world.env, ...own, HOME: home, NODE_COMPILE_CACHE: join(home, "bare") };
  const empty: number[] = [];
  const taken = STARTS.map((start) => ({ ...start, cpu: [] as number[], memory: [] as number[] }));
  try {
    // Twice: the cache is written at the end of a first run.
    for (const { command, files } of [...STARTS, ...STARTS]) await measure(command, env, files);
    for (let round = 0; round < rounds; round += 1) {
      // In turn, so that a machine that is busy for a while is so for all.
      const nothing = await measure([process.execPath, "-e", "0"], env);
      empty.push(nothing.cpu);
      for (const { command, files, cpu, memory } of taken) {
        const usage = await measure(command, env, files);
        if (usage.code !== 0) throw new Error(`${command.join(" ")} ended with ${usage.code}`);
        cpu.push(usage.cpu / nothing.cpu);
        memory.push(usage.memory / nothing.memory);
      }
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
    await world.close();
  }
  const cpu = taken.map((each) => median(each.cpu));
  const [version = 0, help = 0, byEnv = 0, byFile = 0, bare = 0] = cpu;
  const memory = median(taken[BY_FILE]?.memory ?? []);
  const most = Number(process.versions.node.split(".")[0]) < 22 ? 4 : 3;
  return {
    title,
    about: `Medians of the ratios of ${rounds} rounds, user and system time of the whole process. \`node -e 0\` itself took ${median(empty).toFixed(0)} ms. The same libraries without the tool are commander, zod, the YAML loader and undici in one bundle, which parse the arguments, read and check the file, and ask the base once (bench/bare-start.ts). The base is asked over plain HTTP; over HTTPS Node's TLS comes on top, which is Node's own and the same for every client.`,
    rows: [
      atMost("`--version`: CPU, of `node -e 0`", version, 1.3, ratio),
      stated("`--help`: CPU, of `node -e 0`", ratio(help)),
      stated("idle `recover`, configured by the environment: CPU, of `node -e 0`", ratio(byEnv)),
      atMost("idle `recover`, configured by a YAML file: CPU, of `node -e 0`", byFile, most, ratio),
      stated("the same libraries without the tool: CPU, of `node -e 0`", ratio(bare)),
      stated(
        "idle `recover`, configured by a YAML file: CPU, of the same libraries without the tool",
        ratio(byFile / bare),
      ),
      atMost("idle `recover`, configured by a YAML file: peak memory, of `node -e 0`", memory, 1.6, ratio),
    ],
  };
}

const RECOVER = [process.execPath, PLACES.cli, "recover"];
const WITH_FILE = { ".stuck-jobsrc.yaml": "preset: nca\n" };

/** In the order in which they are reported. */
const STARTS: readonly { readonly command: readonly string[]; readonly files?: Readonly<Record<string, string>> }[] = [
  { command: [process.execPath, PLACES.cli, "--version"] },
  { command: [process.execPath, PLACES.cli, "--help"] },
  { command: RECOVER },
  { command: RECOVER, files: WITH_FILE },
  { command: [process.execPath, PLACES.bare], files: WITH_FILE },
];
const BY_FILE = 3;

function stated(what: string, measured: string): Row {
  return { what, measured, target: "stated", met: null };
}

/** What the package weighs. */
export function weigh(packed: { readonly size: number; readonly unpackedSize: number }): Row {
  const sizes = `${megabytes(packed.size)}, ${megabytes(packed.unpackedSize)}`;
  return stated("the package, packed and installed (it has no dependencies)", sizes);
}
