import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { WriteFailure } from "../../src/database/connection.ts";
import { connectTo, NEVER } from "../stores/postgres/world.ts";
import { startPostgres } from "../support/postgres.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { usePostgres } from "../support/use-postgres.ts";

const server = usePostgres();

function withParts(url: string, change: (url: URL) => void): string {
  const changed = new URL(url);
  change(changed);
  return changed.href;
}

describe("a connection to PostgreSQL", () => {
  it("is closed at once where the server wants a password and the URL holds none", async () => {
    const database = await server.createDatabase();
    const proxy = await startTcpProxy(database.url);
    const url = withParts(proxy.url, (each) => {
      each.password = "";
    });
    const message = expect.stringContaining("the database URL holds none");
    await expect(connectTo(url).read("SELECT 1", [], NEVER)).rejects.toMatchObject({ code: "auth", message });
    await expect.poll(() => proxy.connections()).toBe(0);
  });

  it.each([
    [
      "a wrong password",
      (url: URL) => {
        url.password = "wrong-secret";
      },
      "auth",
      "password authentication failed",
    ],
    [
      "an empty password",
      (url: URL) => {
        url.password = "";
      },
      "auth",
      "",
    ],
    [
      "a database that is not there",
      (url: URL) => {
        url.pathname = "/nowhere";
      },
      "config",
      'database "nowhere" does not exist',
    ],
    [
      "TLS that the server does not offer",
      (url: URL) => {
        url.search = "?sslmode=require";
      },
      "config",
      "the server offers no TLS",
    ],
    [
      "a certificate file that is not there",
      (url: URL) => {
        url.search = "?sslmode=require&sslrootcert=/none.pem";
      },
      "config",
      "/none.pem",
    ],
    [
      "a port where nobody listens",
      (url: URL) => {
        url.port = "9";
      },
      "unavailable",
      "connection refused",
    ],
  ] as const)("ends a read with the right kind of error for %s", async (_, change, code, message) => {
    const database = connectTo(withParts(server.url, change));
    const reading = database.read("SELECT 1", [], NEVER);
    await expect(reading).rejects.toMatchObject({
      name: "UpstreamError",
      code,
      message: expect.stringContaining(message),
    });
    const text = await reading.catch((error: unknown) => String(error));
    expect(text).not.toContain("secret");
  });

  it("ends a read at the statement's time limit, and sets it in every transaction", async () => {
    const database = connectTo(server.url, { statementTimeout: 50, connections: 1 });
    await expect(database.read("SELECT pg_sleep(10)", [], NEVER)).rejects.toMatchObject({
      code: "unavailable",
      hint: expect.stringContaining("statementTimeout"),
    });
    expect(
      await database.read(
        "SELECT current_setting('statement_timeout') AS t, current_setting('TimeZone') AS z",
        [],
        NEVER,
      ),
    ).toEqual([{ t: "50ms", z: "UTC" }]);
  });

  it("leaves nothing set on a connection that a pooler gives to somebody else", async () => {
    const database = connectTo(server.url, { connections: 1 });
    await database.read("SELECT 1", [], NEVER);
    const other = await server.createDatabase();
    expect(await other.query("SELECT count(*)::int AS n FROM pg_prepared_statements")).toEqual([{ n: 0 }]);
    const [{ pid = 0 } = {}] = await database.read("SELECT pg_backend_pid() AS pid", [], NEVER);
    expect(await other.query("SELECT count(*)::int AS n FROM pg_locks WHERE pid = $1", [pid])).toEqual([{ n: 0 }]);
  });

  it("takes no write in a read", async () => {
    const database = connectTo(server.url);
    await expect(database.read("CREATE TABLE t (a int)", [], NEVER)).rejects.toMatchObject({ name: "UpstreamError" });
  });

  it("begins a transaction again that another one came in between", async () => {
    const { url, query } = await server.createDatabase();
    await query("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 0), (2, 0)");
    const database = connectTo(url);
    let waiting = 0;
    let go = () => {};
    const bothHold = new Promise<void>((resolve) => {
      go = resolve;
    });
    const cross = (first: number, second: number) =>
      database.write(async (run) => {
        await run("UPDATE t SET v = v + 1 WHERE id = $1", [first]);
        waiting += 1;
        if (waiting >= 2) go();
        await bothHold;
        await run("UPDATE t SET v = v + 1 WHERE id = $1", [second]);
      }, NEVER);
    await Promise.all([cross(1, 2), cross(2, 1)]);
    expect(await query("SELECT v FROM t")).toEqual([{ v: 2 }, { v: 2 }]);
    expect(waiting).toBe(3);
  });

  it("does not say that nothing was written where the answer to the commit was lost", async () => {
    const { url, query } = await server.createDatabase();
    await query("CREATE TABLE t (v int)");
    const proxy = await startTcpProxy(url);
    const database = connectTo(proxy.url);
    const writing = database.write(async (run) => {
      await run("INSERT INTO t VALUES (1)");
      proxy.swallowAnswers();
    }, NEVER);
    await expect.poll(() => query("SELECT * FROM t")).toHaveLength(1);
    proxy.cut();
    const failure = await writing.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WriteFailure);
    expect(failure).toMatchObject({ committed: null, failure: { kind: "unavailable" } });
  });

  it("writes again where the connection was lost before the commit was sent", async () => {
    const { url, query } = await server.createDatabase();
    await query("CREATE TABLE t (v int)");
    const proxy = await startTcpProxy(url);
    const database = connectTo(proxy.url);
    let attempts = 0;
    await database.write(async (run) => {
      attempts += 1;
      await run("INSERT INTO t VALUES (1)");
      if (attempts === 1) proxy.cut();
      await run("INSERT INTO t VALUES (2)");
    }, NEVER);
    expect(await query("SELECT v FROM t")).toEqual([{ v: 1 }, { v: 2 }]);
    expect(attempts).toBe(2);
  });

  it("ends a read with the signal's reason, and gives no connection back that is still busy", async () => {
    const database = connectTo(server.url, { connections: 1 });
    const stop = new AbortController();
    const reading = database.read("SELECT pg_sleep(30)", [], stop.signal);
    stop.abort(new Error("out of time"));
    await expect(reading).rejects.toThrow("out of time");
    expect(await database.read("SELECT 1 AS one", [], NEVER)).toEqual([{ one: 1 }]);
  });
});

describe("a PostgreSQL server that goes away", () => {
  it("ends reads as unavailable, and writes as not written", async () => {
    const own = await startPostgres({ own: true });
    const { url } = await own.createDatabase();
    const database = connectTo(url);
    expect(await database.read("SELECT 1 AS one", [], NEVER)).toHaveLength(1);
    await own.crash();
    await expect(database.read("SELECT 1", [], NEVER)).rejects.toMatchObject({
      name: "UpstreamError",
      code: "unavailable",
    });
    await expect(database.write((run) => run("SELECT 1"), NEVER)).rejects.toMatchObject({ committed: false });
  });
});

describe("a PostgreSQL server with TLS", () => {
  const secure = usePostgres({ tls: true });

  it.each([
    ["disable", "localhost", false],
    ["allow", "localhost", false],
    ["prefer", "localhost", true],
    ["require", "127.0.0.1", true],
    ["verify-ca", "127.0.0.1", true],
    ["verify-full", "localhost", true],
  ])("is connected to as sslmode=%s says", async (mode, host, encrypted) => {
    const root = mode.startsWith("verify") ? `&sslrootcert=${secure.certificate}` : "";
    const database = connectTo(
      withParts(secure.url, (url) => {
        url.hostname = host;
        url.search = `?sslmode=${mode}${root}`;
      }),
    );
    expect(await database.read("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", [], NEVER)).toEqual([
      { ssl: encrypted },
    ]);
  });

  it("is named as the cause where the server insists on it, and the URL forbids it", async () => {
    const admin = connectTo(secure.url);
    const [{ hba_file: file } = { hba_file: "" }] = await admin.execute("SHOW hba_file", [], NEVER);
    const before = readFileSync(String(file), "utf8");
    const replace = async (text: string) => {
      writeFileSync(String(file), text);
      await admin.execute("SELECT pg_reload_conf()", [], NEVER);
    };
    onTestFinished(() => replace(before));
    await replace("hostssl all all all scram-sha-256\n");
    const at = (search: string) =>
      connectTo(
        withParts(secure.url, (url) => {
          url.search = search;
        }),
      );
    const forbidden = () =>
      at("?sslmode=disable")
        .read("SELECT 1 AS one", [], NEVER)
        .catch((error: unknown) => error);
    // The server reads the file some time after it was asked to.
    await expect.poll(forbidden, { timeout: 30_000 }).toMatchObject({
      code: "config",
      hint: expect.stringContaining("sslmode"),
    });
    expect(await at("?sslmode=allow").read("SELECT 1 AS one", [], NEVER)).toEqual([{ one: 1 }]);
  });

  it.each([
    ["an authority that is not known", "localhost", "?sslmode=verify-ca"],
    ["another host name than the certificate's", "127.0.0.1", "?sslmode=verify-full"],
  ])("is not trusted with %s", async (_, host, search) => {
    const database = connectTo(
      withParts(secure.url, (url) => {
        url.hostname = host;
        url.search = host === "localhost" ? search : `${search}&sslrootcert=${secure.certificate}`;
      }),
    );
    await expect(database.read("SELECT 1", [], NEVER)).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining("certificate"),
    });
  });
});
