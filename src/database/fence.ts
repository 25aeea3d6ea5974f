import { UpstreamError } from "../core/ports/errors.ts";
import type { Database } from "./connection.ts";
import type { Statement } from "./statement.ts";

/** What has to hold in the transaction of each write. */
export interface Fence {
  /** Answers no row where nothing may be written any more; locks the row that it answers until the transaction ends. */
  readonly fence: Statement;
  /** Called before a transaction and within it; throws `UpstreamError` where nothing may be written any more. */
  check(): void;
}

/** Ends a transaction. It has no code, by which it would count as an answer of the database. */
class FenceLost extends Error {
  readonly reason: unknown;
  constructor(reason: unknown) {
    super("the fence is lost");
    this.reason = reason;
  }
}

const TAKEN_OVER = "another host may sweep this base now; nothing more is written";

/** Returns a database each of whose writes first asks the fence, in its own transaction. */
export function withFence(database: Database, { fence, check }: Fence): Database {
  return {
    ...database,
    async write(work, signal) {
      check();
      try {
        return await database.write(async (query) => {
          const held = await query(fence.text, fence.values);
          if (held.length === 0) throw new FenceLost(new UpstreamError("unavailable", TAKEN_OVER));
          // Until here the process may have stood still so long that what it writes rests on an old state.
          try {
            check();
          } catch (error) {
            throw new FenceLost(error);
          }
          return await work(query);
        }, signal);
      } catch (error) {
        throw error instanceof FenceLost ? error.reason : error;
      }
    },
  };
}
