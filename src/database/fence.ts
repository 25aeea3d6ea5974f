import { UpstreamError } from "../core/ports/errors.ts";
import type { Database } from "./connection.ts";
import type { Statement } from "./statement.ts";

/** What has to hold in the transaction of each write. */
export interface Fence {
  /** Answers no row where nothing may be written any more; locks the row that it answers until the transaction ends. */
  readonly fence: Statement;
  /** Called before a transaction is begun; throws `UpstreamError` where nothing may be written any more. */
  check(): void;
}

class FenceLost extends Error {}

/** Returns a database each of whose writes first asks the fence, in its own transaction. */
export function withFence(database: Database, { fence, check }: Fence): Database {
  return {
    ...database,
    async write(work, signal) {
      check();
      try {
        return await database.write(async (query) => {
          if ((await query(fence.text, fence.values)).length === 0) throw new FenceLost();
          return await work(query);
        }, signal);
      } catch (error) {
        if (!(error instanceof FenceLost)) throw error;
        const message = "another host may sweep this base now; nothing more is written";
        throw new UpstreamError("unavailable", message, null, { cause: error });
      }
    },
  };
}
