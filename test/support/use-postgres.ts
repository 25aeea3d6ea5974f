import { afterAll, beforeAll } from "vitest";
import { startPostgres, type TestServer } from "./postgres.ts";

/** Starts a server before the tests of a file, or of a group, and stops it after them. */
export function usePostgres(options: Parameters<typeof startPostgres>[0] = {}): TestServer {
  let server: TestServer | null = null;
  const started = () => {
    if (server === null) throw new Error("the server is started before the first test");
    return server;
  };
  beforeAll(async () => {
    server = await startPostgres(options);
  }, 60_000);
  afterAll(async () => {
    await server?.stop();
  });
  return {
    get url() {
      return started().url;
    },
    get certificate() {
      return started().certificate;
    },
    createDatabase: (like) => started().createDatabase(like),
    crash: () => started().crash(),
    stop: () => started().stop(),
  };
}
