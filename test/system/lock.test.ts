import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { acquireLock, type LockResult, lockKey } from "../../src/system/lock.ts";

const key = () => `test ${Math.random()}`;
const isRoot = process.getuid?.() === 0;
const programs = mkdtempSync(join(tmpdir(), "stuck-jobs-lock-"));
const holder = join(programs, "holder.mjs");
const contender = join(programs, "contender.mjs");

/** Programs that use the lock, each bundled for a process of its own. */
const SOURCES = [
  [
    holder,
    `import { acquireLock } from "./src/system/lock.ts";
const [, , key, ...folders] = process.argv;
const lock = await acquireLock(key, new Date("2026-03-01T12:00:00Z"), folders);
console.log(lock.kind);
setInterval(() => undefined, 1000);`,
  ],
  [
    // Acquires the lock as often as it gets it; a file that is there already means that another process holds it too.
    contender,
    `import { rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { acquireLock } from "./src/system/lock.ts";
const [, , key, proof, folder] = process.argv;
let acquired = 0;
for (let n = 0; n < 60; n += 1) {
  const lock = await acquireLock(key, new Date(), [folder]);
  if (lock.kind === "busy") { await delay(Math.random() * 5); continue; }
  acquired += 1;
  writeFileSync(proof, "", { flag: "wx" });
  await delay(Math.random() * 5);
  rmSync(proof);
  // One in four leaves its socket behind, as a process does that is killed.
  if (n > 20 && Math.random() < 0.25) process.exit(0);
  await lock.release();
}`,
  ],
] as const;

beforeAll(async () => {
  for (const [outfile, contents] of SOURCES) {
    const stdin = { contents, resolveDir: ".", loader: "ts" } as const;
    await build({ stdin, outfile, bundle: true, platform: "node", format: "esm" });
  }
});
afterAll(() => rmSync(programs, { recursive: true }));

/** A folder that is not there yet, in one that only this user can enter. */
function lockFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "stuck-jobs-lock-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return join(path, "lock");
}

async function release(lock: LockResult): Promise<void> {
  if (lock.kind === "acquired") await lock.release();
}

function run(program: string, args: readonly string[], uid?: number): ChildProcess {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    ...(uid === undefined ? {} : { uid }),
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

async function started(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("no stdout");
  const [chunk] = await once(child.stdout, "data");
  return String(chunk).trim();
}

describe("acquireLock", () => {
  it("gives the lock to one run, and to another after its release", async () => {
    const [name, folder] = [key(), lockFolder()];
    const first = await acquireLock(name, new Date(), [folder]);
    expect(first).toMatchObject({ kind: "acquired", gap: null });
    expect((await acquireLock(name, new Date(), [folder])).kind).toBe("busy");
    await release(first);
    expect(readdirSync(folder)).toEqual([]);
    const again = await acquireLock(name, new Date(), [folder]);
    expect(again.kind).toBe("acquired");
    await release(again);
  });

  it("keeps runs of different bases apart", async () => {
    const folder = lockFolder();
    const locks = [await acquireLock(key(), new Date(), [folder]), await acquireLock(key(), new Date(), [folder])];
    expect(locks.map(({ kind }) => kind)).toEqual(["acquired", "acquired"]);
    await Promise.all(locks.map(release));
  });

  it("names the process that holds the lock, and is free when that is killed", async () => {
    const [name, folder] = [key(), lockFolder()];
    const child = run(holder, [name, folder]);
    expect(await started(child)).toBe("acquired");
    expect(await acquireLock(name, new Date(), [folder])).toEqual({
      kind: "busy",
      by: { pid: child.pid, since: "2026-03-01T12:00:00.000Z" },
    });
    child.kill("SIGKILL");
    await once(child, "exit");
    const lock = await acquireLock(name, new Date(), [folder]);
    expect(lock.kind).toBe("acquired");
    await release(lock);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("gives the lock to exactly one of several that ask at the same time", async () => {
    const folder = lockFolder();
    for (let n = 0; n < 20; n += 1) {
      const name = key();
      const locks = await Promise.all(Array.from({ length: 4 }, () => acquireLock(name, new Date(), [folder])));
      expect(locks.filter(({ kind }) => kind === "acquired")).toHaveLength(1);
      await Promise.all(locks.map(release));
    }
  });

  it("is never held twice while processes contend for it and die with it", async () => {
    const [name, folder] = [key(), lockFolder()];
    const proof = join(programs, `proof-${Math.random()}`);
    const children = Array.from({ length: 4 }, () => run(contender, [name, proof, folder]));
    const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]));
    expect(codes).toEqual([0, 0, 0, 0]);
  });
});

describe("a lock that another user tries to take", () => {
  it.runIf(process.platform === "linux")("is not taken by an abstract socket", async () => {
    const { createHash } = await import("node:crypto");
    const [name, folder] = [key(), lockFolder()];
    const digest = createHash("sha256").update(name).digest("hex");
    const squatters = ["", ".sock"].map((end) => createServer().listen(`\0stuck-jobs-${digest.slice(0, 16)}${end}`));
    onTestFinished(() => {
      for (const server of squatters) server.close();
    });
    const lock = await acquireLock(name, new Date(), [folder]);
    expect(lock.kind).toBe("acquired");
    await release(lock);
  });

  it.each([
    ["that is open to others", (path: string) => mkdirSync(path) === undefined && chmodSync(path, 0o777)],
    ["that is a link", (path: string) => symlinkSync(tmpdir(), path)],
    ["that is a file", (path: string) => writeFileSync(path, "")],
  ])("is not put into a folder %s, but into the next one", async (_, prepare) => {
    const [first, second] = [lockFolder(), lockFolder()];
    prepare(first);
    const lock = await acquireLock(key(), new Date(), [first, second]);
    expect(lock).toMatchObject({ kind: "acquired", gap: null });
    expect(readdirSync(second)).toHaveLength(1);
    await release(lock);
  });

  it.runIf(isRoot)("is not put into a folder of that user, and says so where there is no other", async () => {
    const folder = lockFolder();
    mkdirSync(folder, { mode: 0o700 });
    chownSync(folder, 12_345, 12_345);
    const lock = await acquireLock(key(), new Date(), [folder]);
    expect(lock).toMatchObject({
      kind: "acquired",
      gap: { kind: "no-folder", detail: expect.stringContaining("belongs to user 12345") },
    });
    await release(lock);
  });

  it.runIf(isRoot)("cannot be entered by a process of that user", async () => {
    const [name, folder] = [key(), lockFolder()];
    chmodSync(join(folder, ".."), 0o755);
    chmodSync(programs, 0o755);
    const lock = await acquireLock(name, new Date(), [folder]);
    // It finds no folder that it can use, and does not see the lock.
    expect(await started(run(holder, [name, folder], 65_534))).toBe("acquired");
    expect(readdirSync(folder)).toHaveLength(1);
    await release(lock);
  });
});

describe("what a socket in the lock's folder answers", () => {
  /** Puts a socket of the lock's name there that answers as it likes. */
  async function answering(answer: (socket: Socket) => void) {
    const [name, folder] = [key(), lockFolder()];
    const first = await acquireLock(name, new Date(), [folder]);
    const [file = ""] = readdirSync(folder);
    await release(first);
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      answer(socket);
    }).listen(join(folder, file));
    await once(server, "listening");
    onTestFinished(() => {
      server.close();
    });
    return await acquireLock(name, new Date(), [folder]);
  }
  const UNKNOWN = { kind: "busy", by: { pid: null, since: null } };

  it("is not waited for when it drips", async () => {
    const lock = await answering((socket) => {
      const timer = setInterval(() => socket.write("x"), 50);
      socket.on("close", () => clearInterval(timer));
    });
    expect(lock).toEqual(UNKNOWN);
  });

  it("is not read to the end when it is long", async () => {
    const lock = await answering((socket) => socket.end(`{"pid":1,${"x".repeat(1_000_000)}}`));
    expect(lock).toEqual(UNKNOWN);
  });

  it("is not shown where it is no number and no time", async () => {
    const lock = await answering((socket) =>
      socket.end('{"pid":"1\\n::error::","since":"2026\n<3>now","id":"\u001b[31m","isWaiting":false}'),
    );
    expect(lock).toEqual(UNKNOWN);
  });

  it("means nothing where it comes from another machine that shares the folder, which is said", async () => {
    const [name, folder] = [key(), lockFolder()];
    const first = await acquireLock(name, new Date(), [folder]);
    const [file = ""] = readdirSync(folder);
    await release(first);
    const [base] = file.split(".");
    const other = `${base}.aaaaaabbbbbb.000000000000`;
    writeFileSync(join(folder, other), "");
    const lock = await acquireLock(name, new Date(), [folder]);
    expect(lock).toMatchObject({ kind: "acquired", gap: { kind: "shared-folder" } });
    expect(existsSync(join(folder, other))).toBe(true);
    await release(lock);
  });
});

describe("lockKey", () => {
  const keyOf = (endpointUrl: string) => lockKey({ endpointUrl, baseId: "appOne" });

  it.each([
    ["https://api.airtable.com", "https://API.airtable.com:443/"],
    ["https://api.airtable.com", "https://api.airtable.com./"],
    ["http://localhost:8080/v", "http://127.0.0.1:8080/v/"],
  ])("is the same for %s and %s", (one, other) => {
    expect(keyOf(one)).toBe(keyOf(other));
  });

  it("differs for another host, port or path", () => {
    const keys = ["https://a.example", "https://b.example", "https://a.example:8443", "https://a.example/x"].map(keyOf);
    expect(new Set(keys).size).toBe(4);
  });
});
