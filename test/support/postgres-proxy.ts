import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A way to a database that can be cut, and that sees the statements. */
export interface PostgresProxy {
  /** The database's URL by this way. */
  readonly url: string;
  /** The statements that went through, those that begin, commit and set aside. */
  readonly statements: readonly string[];
  /** Ends all connections and refuses new ones. */
  cut(): void;
  /** Lets connections through again. */
  restore(): void;
}

/**
 * Opens a way to the database of a URL, until the test is done.
 *
 * @param before called with each statement; what it returns is awaited before the statement goes on
 */
export async function openPostgresProxy(
  databaseUrl: string,
  before: (text: string) => Promise<void> | null = () => null,
): Promise<PostgresProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const statements: string[] = [];
  let isCut = false;
  const server = createServer((client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    let held: Promise<void> | null = null;
    const read = statementReader((text) => {
      if (!/^\s*(BEGIN|COMMIT|ROLLBACK|SET)\b/i.test(text)) statements.push(text);
      held = before(text) ?? held;
    });
    client.on("data", (chunk: Buffer) => {
      read(chunk);
      if (held === null) upstream.write(chunk);
      else held = held.then(() => void upstream.write(chunk));
    });
    upstream.on("data", (chunk: Buffer) => client.write(chunk));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const url = new URL(databaseUrl);
  url.port = String(address.port);
  const endAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(() => {
    endAll();
    server.close();
  });
  return {
    url: `${url.href}?sslmode=disable`,
    statements,
    cut() {
      isCut = true;
      endAll();
    },
    restore() {
      isCut = false;
    },
  };
}

/** Reads the texts of simple queries and of parsed statements from what a client sends (PostgreSQL's protocol 3). */
function statementReader(found: (text: string) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  let begun = false;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      // The first message has no type.
      const head = begun ? 1 : 0;
      if (rest.length < head + 4) return;
      const end = head + rest.readUInt32BE(head);
      if (rest.length < end) return;
      const type = begun ? String.fromCharCode(rest[0] ?? 0) : "";
      const body = rest.subarray(head + 4, end);
      begun = true;
      rest = rest.subarray(end);
      if (type === "Q") found(body.toString("utf8").replace(/\0.*$/s, ""));
      if (type === "P") found(body.toString("utf8").split("\0")[1] ?? "");
    }
  };
}
