import { atMost, type Effort, megabytes, type Row, ratio, type Section } from "./result.ts";
import { measure, median, openWorld, PLACES } from "./run.ts";

/** What it costs to start: under cron that is nearly all that a run costs. */
export async function measureStart({ full }: Effort): Promise<Section> {
  const rounds = full ? 41 : 15;
  const world = await openWorld({
    finished: 10,
    recoverable: 0,
    lost: 0,
    limited: false,
    baseLatency: 0,
    bucketLatency: 0,
  });
  const commands = {
    empty: [process.execPath, "-e", "0"],
    version: [process.execPath, PLACES.cli, "--version"],
    idle: [process.execPath, PLACES.cli, "recover"],
  };
  const cpu = { version: [] as number[], idle: [] as number[] };
  const memory = { version: [] as number[], idle: [] as number[] };
  const absolute: number[] = [];
  try {
    for (const command of Object.values(commands)) await measure(command, world.env);
    for (let round = 0; round < rounds; round += 1) {
      // In turn, so that a machine that is busy for a while is so for all three.
      const empty = await measure(commands.empty, world.env);
      absolute.push(empty.cpu);
      for (const name of ["version", "idle"] as const) {
        const taken = await measure(commands[name], world.env);
        if (taken.code !== 0) throw new Error(`${commands[name].join(" ")} ended with ${taken.code}`);
        cpu[name].push(taken.cpu / empty.cpu);
        memory[name].push(taken.memory / empty.memory);
      }
    }
  } finally {
    await world.close();
  }
  const rows: Row[] = [
    atMost("`--version`: CPU, of `node -e 0`", median(cpu.version), 1.3, ratio),
    atMost("idle `recover`: CPU, of `node -e 0`", median(cpu.idle), 2, ratio),
    atMost("idle `recover`: peak memory, of `node -e 0`", median(memory.idle), 1.6, ratio),
  ];
  return {
    title: "Start",
    about: `Medians of the ratios of ${rounds} rounds, user and system time of the whole process. \`node -e 0\` itself took ${median(absolute).toFixed(0)} ms. The base is asked over plain HTTP; over HTTPS Node's TLS comes on top, which is Node's own and the same for every client.`,
    rows,
  };
}

/** What the package weighs. */
export function weigh(packed: { readonly size: number; readonly unpackedSize: number }): Row {
  return {
    what: "the package, packed and installed (it has no dependencies)",
    measured: `${megabytes(packed.size)}, ${megabytes(packed.unpackedSize)}`,
    target: "stated",
    met: null,
  };
}
