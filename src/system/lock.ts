import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Who holds the lock, as far as the holder told. */
export interface Holder {
  readonly pid: number | null;
  readonly since: string | null;
}

export type LockResult =
  | { readonly kind: "held"; release(): Promise<void> }
  | { readonly kind: "taken"; readonly by: Holder };

/** How long a holder may take to say who it is; it may be stopped or busy. */
const ANSWER_WITHIN_MS = 500;

/**
 * One run per base and machine. The lock is a listening socket, so the kernel takes it away with its owner, be it by
 * kill -9 or by a power cut; who connects is told who holds it. On Linux it has no file (abstract namespace), elsewhere
 * a socket file whose owner is asked whether it still lives.
 */
export async function acquireLock(key: string, since: Date): Promise<LockResult> {
  const address = addressOf(key);
  const holder: Holder = { pid: process.pid, since: since.toISOString() };
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const server = await listen(address, holder);
    if (server !== null) return { kind: "held", release: () => close(server) };
    const by = await ask(address);
    if (by !== "nobody") return { kind: "taken", by };
    // Left behind by an owner that was killed; only a socket file can be.
    if (isFile(address)) rmSync(address, { force: true });
  }
  return { kind: "taken", by: { pid: null, since: null } };
}

/** What runs of one base have in common. */
export function lockKey({ endpointUrl, baseId }: { readonly endpointUrl: string; readonly baseId: string }): string {
  return `${endpointUrl} ${baseId}`;
}

/** Who holds the lock now; null for nobody. It is not taken. */
export async function lockHolder(key: string): Promise<Holder | null> {
  const by = await ask(addressOf(key));
  return by === "nobody" ? null : by;
}

function addressOf(key: string): string {
  const name = `stuck-jobs-${createHash("sha256").update(key).digest("hex").slice(0, 16)}`;
  switch (process.platform) {
    case "linux":
      return `\0${name}`;
    case "win32":
      return `\\\\.\\pipe\\${name}`;
    default:
      return join(tmpdir(), `${name}.sock`);
  }
}

function isFile(address: string): boolean {
  return !address.startsWith("\0") && !address.startsWith("\\\\");
}

function listen(address: string, holder: Holder): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.end(JSON.stringify(holder));
    });
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(null) : reject(error),
    );
    server.listen(address, () => {
      server.unref();
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function ask(address: string): Promise<Holder | "nobody"> {
  return new Promise((resolve) => {
    let told = "";
    const socket = connect(address);
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy());
    socket.on("data", (chunk) => {
      told += chunk.toString("utf8");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve("nobody");
    });
    socket.once("close", () => resolve(parseHolder(told)));
  });
}

function parseHolder(text: string): Holder {
  const [, pid] = /"pid":(\d+)/.exec(text) ?? [];
  const [, since] = /"since":"([^"]+)"/.exec(text) ?? [];
  return { pid: pid === undefined ? null : Number(pid), since: since ?? null };
}
