import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { lstat, readdir, rename, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { hostname, uptime } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { lockFolders, makePrivateFolder } from "./folders.ts";

/** The run that holds a lock, as far as it could be asked. */
export interface Holder {
  readonly pid: number | null;
  readonly since: string | null;
}

export type LockResult =
  /** `gap` says which runs this lock cannot keep out; null where it holds for all of this user and machine. */
  | { readonly kind: "acquired"; readonly gap: LockGap | null; release(): Promise<void> }
  | { readonly kind: "busy"; readonly by: Holder };

/** What a lock cannot hold: no folder could be used, or another machine uses the same one. */
export interface LockGap {
  readonly kind: "no-folder" | "shared-folder";
  readonly detail: string;
}

/**
 * Acquires the lock of a base: one run per base, user and machine.
 *
 * A run announces itself by a socket of its own in a folder that only this user can enter, and then looks for sockets of
 * others. It holds the lock where it finds none that is alive. Of two runs that announce themselves at the same time at
 * least one sees the other, so no two hold the lock. The kernel closes a socket with its process, by `kill -9` too: a
 * file whose socket nobody listens on is dead for ever, since its name is never used again, and anyone may remove it.
 */
export async function acquireLock(
  key: string,
  since: Date,
  folders: readonly string[] = lockFolders(),
): Promise<LockResult> {
  if (process.platform === "win32") return await acquirePipe(key, since);
  const { folder, problems } = await findFolder(folders);
  if (folder === null) {
    const detail = `no folder can hold the lock, so other runs are not excluded: ${problems.join("; ")}`;
    return { kind: "acquired", gap: { kind: "no-folder", detail }, release: async () => undefined };
  }
  const own = await announce(folder, key, since);
  for (let attempt = 0; attempt < 40; attempt += 1) {
    const { alive, foreign } = await readEntries(folder, key, own.name);
    if (alive.length === 0) {
      own.hold();
      const detail = `the lock's folder ${folder} is shared with another machine, whose runs are not excluded`;
      return { kind: "acquired", gap: foreign ? { kind: "shared-folder", detail } : null, release: own.withdraw };
    }
    const winner = alive.find(({ reply }) => !reply.isWaiting || reply.id === null || reply.id < own.id);
    if (winner !== undefined) {
      await own.withdraw();
      return { kind: "busy", by: winner.reply.holder };
    }
    // They came at the same time, and withdraw when they see this one.
    await delay(25);
  }
  await own.withdraw();
  return { kind: "busy", by: { pid: null, since: null } };
}

/** The state of a lock, for a reader. `reach` says which runs it keeps out. */
export interface LockState {
  readonly holder: Holder | null;
  readonly reach: string;
}

/** Returns the run that holds the lock now, if any, and which runs the lock keeps out. */
export async function readLock(key: string): Promise<LockState> {
  if (process.platform === "win32") {
    return { holder: (await ask(pipeOf(key)))?.holder ?? null, reach: "runs on this machine" };
  }
  const { folder, problems } = await findFolder(lockFolders());
  if (folder === null)
    return { holder: null, reach: `no other run, since no folder can hold the lock (${problems.join("; ")})` };
  const { alive } = await readEntries(folder, key, "");
  const reach = CONTAINER_MARKS.some((path) => existsSync(path))
    ? `runs in this container, and in others on this machine that share ${folder}`
    : "runs of this user on this machine";
  return { holder: alive[0]?.reply.holder ?? null, reach };
}

/** What Docker, Podman and Kubernetes put into a container. */
const CONTAINER_MARKS = ["/.dockerenv", "/run/.containerenv", "/var/run/secrets/kubernetes.io"];

/** Returns the key that all runs over one base have in common, however its endpoint is written. */
export function lockKey({ endpointUrl, baseId }: { readonly endpointUrl: string; readonly baseId: string }): string {
  const { protocol, hostname: host, port, pathname } = new URL(endpointUrl);
  const isHere = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])\.?$/.test(host);
  const place = `${isHere ? "loopback" : host.replace(/\.$/, "")}:${port || (protocol === "http:" ? "80" : "443")}`;
  return `${place}${pathname.replace(/\/+$/, "")} ${baseId}`;
}

async function findFolder(folders: readonly string[]) {
  const problems: string[] = [];
  for (const folder of folders) {
    const problem =
      folder.length > MAX_FOLDER_LENGTH ? `${folder} is too long for a socket` : await makePrivateFolder(folder);
    if (problem === null) return { folder, problems };
    problems.push(problem);
  }
  return { folder: null, problems };
}

/** Names are of 40 characters; the smallest limit of a socket's path is that of macOS, 103. */
const MAX_FOLDER_LENGTH = 60;

/** An announcement: a socket that says who it is, visible in the folder only once it listens. */
async function announce(folder: string, key: string, since: Date) {
  const id = randomBytes(6).toString("hex");
  const name = `${digest(key, 12)}.${MACHINE}.${id}`;
  let isWaiting = true;
  const server = await listen(join(folder, `.${id}`), () => ({
    pid: process.pid,
    since: since.toISOString(),
    id,
    isWaiting,
  }));
  await rename(join(folder, `.${id}`), join(folder, name));
  return {
    id,
    name,
    hold() {
      isWaiting = false;
    },
    async withdraw() {
      await rm(join(folder, name), { force: true });
      await close(server);
    },
  };
}

/** Reads the other announcements for a key. Removes those whose process is gone. */
async function readEntries(folder: string, key: string, own: string) {
  const alive: { readonly reply: Reply }[] = [];
  let foreign = false;
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = name === own ? null : await lstat(path).catch(() => null);
    if (found === null) continue;
    const [base, machine = ""] = name.split(".");
    const isOld = found.mtimeMs < Date.now() - DAY;
    // Those for other keys, and those that never became visible, are only tidied up.
    if (base !== digest(key, 12) && !isOld) continue;
    if (base !== "" && machine.slice(6) !== MACHINE.slice(6)) {
      // A socket of another kernel, or of an earlier boot of this one, cannot be asked.
      const isOfThisHost = machine.slice(0, 6) === MACHINE.slice(0, 6);
      if (isOfThisHost && found.mtimeMs < Date.now() - uptime() * 1000) await rm(path, { force: true });
      else foreign ||= base === digest(key, 12) && !isOld;
      continue;
    }
    const first = await ask(path);
    // One that withdraws, or is killed, while it is asked gives no whole answer: it is gone when it is asked again.
    const reply = first?.id === null ? await ask(path) : first;
    if (reply === null) await rm(path, { force: true });
    else if (base === digest(key, 12)) alive.push({ reply });
  }
  return { alive, foreign };
}

/** An announcement of another machine that is older than this, in ms, is taken for one that was left behind. */
const DAY = 86_400_000;

/** This host, then this boot of its kernel, which containers have in common: both as six digits. */
const MACHINE = `${digest(hostname(), 6)}${digest(bootId(), 6)}`;

function bootId(): string {
  if (process.platform !== "linux") return "";
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8");
  } catch (error) {
    if (error instanceof Error && "syscall" in error) return "";
    throw error;
  }
}

function digest(text: string, digits: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, digits);
}

function listen(address: string, state: () => object): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.end(JSON.stringify(state()));
    });
    server.once("error", reject);
    server.listen(address, () => {
      server.unref();
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** What a socket answered; all unknown where it gave no answer that can be understood. */
interface Reply {
  readonly holder: Holder;
  readonly id: string | null;
  readonly isWaiting: boolean;
}

/** How long an answer may take, in ms, and how long it may be: its process may be stopped or busy, or not be ours. */
const [ANSWER_WITHIN, MAX_ANSWER] = [500, 500];

/** Asks a socket who it is; null where nobody listens. */
function ask(address: string): Promise<Reply | null> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(address);
    const timer = setTimeout(() => socket.destroy(), ANSWER_WITHIN);
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
      if (answer.length > MAX_ANSWER) socket.destroy();
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(null);
    });
    socket.once("close", () => {
      clearTimeout(timer);
      resolve(parseReply(answer.length > MAX_ANSWER ? "" : answer));
    });
  });
}

/** Takes numbers and a time out of an answer, and nothing else: it is shown to people. */
function parseReply(text: string): Reply {
  const [, pid] = /"pid":(\d{1,10})[,}]/.exec(text) ?? [];
  const [, since] = /"since":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"/.exec(text) ?? [];
  const [, id] = /"id":"([0-9a-f]{12})"/.exec(text) ?? [];
  return {
    holder: { pid: pid === undefined ? null : Number(pid), since: since ?? null },
    id: id ?? null,
    isWaiting: text.includes('"isWaiting":true'),
  };
}

/** On Windows a named pipe, which has no file and goes with its process. */
async function acquirePipe(key: string, since: Date): Promise<LockResult> {
  try {
    const server = await listen(pipeOf(key), () => ({ pid: process.pid, since: since.toISOString() }));
    return { kind: "acquired", gap: null, release: () => close(server) };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) throw error;
    return { kind: "busy", by: (await ask(pipeOf(key)))?.holder ?? { pid: null, since: null } };
  }
}

function pipeOf(key: string): string {
  return `\\\\.\\pipe\\stuck-jobs-${digest(key, 12)}`;
}
