import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./postgres.ts";

/** PgBouncer in transaction mode before a PostgreSQL server. */
export interface PgBouncer {
  /** Returns the URL of a database by way of it. */
  urlFor(url: string): string;
  stop(): Promise<void>;
}

const PROGRAM = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"].find(
  (path) => spawnSync(path, ["--version"]).status === 0,
);

/** Whether it is installed. Where it is not, the tests that need it say so. */
export const HAS_PGBOUNCER = PROGRAM !== undefined;
if (!HAS_PGBOUNCER) process.stderr.write("pgbouncer is not installed: its tests are skipped (Debian: pgbouncer)\n");

/** It refuses to run as root. */
const NOBODY = { uid: 65_534, gid: 65_534 };

/** Starts it before the server of a URL, with two connections to the server for all clients of a database. */
export async function startPgBouncer(url: string): Promise<PgBouncer> {
  if (PROGRAM === undefined) throw new Error("pgbouncer is not installed");
  const { hostname, port, username, password } = new URL(url);
  const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-pgbouncer-"));
  chmodSync(folder, 0o755);
  const own = await freePort();
  writeFileSync(join(folder, "users.txt"), `"${username}" "${password}"\n`);
  writeFileSync(
    join(folder, "pgbouncer.ini"),
    `[databases]
* = host=${hostname} port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(folder, "users.txt")}
pool_mode = transaction
default_pool_size = 2
max_client_conn = 200
`,
  );
  const child = spawn(PROGRAM, [join(folder, "pgbouncer.ini")], {
    ...(process.getuid?.() === 0 ? NOBODY : {}),
    stdio: ["ignore", "ignore", "pipe"],
  });
  await isReady(child);
  return {
    urlFor(database) {
      const through = new URL(database);
      through.host = `127.0.0.1:${own}`;
      return through.href;
    },
    async stop() {
      const ended = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function isReady(child: ChildProcess): Promise<void> {
  let log = "";
  await new Promise<void>((resolve, reject) => {
    child.once("close", () => reject(new Error(`pgbouncer did not start: ${log}`)));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      log += text;
      if (log.includes("process up")) resolve();
    });
  });
}
