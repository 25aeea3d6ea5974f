import { setMaxListeners } from "node:events";
import type { Duration } from "../core/domain/job.ts";
import { UpstreamError } from "../core/ports/errors.ts";
import type { Clock } from "../core/ports/ports.ts";
import { quoteIdentifier } from "../database/identifiers.ts";
import type { Statement } from "../database/statement.ts";
import type { HeldSweep } from "./queue.ts";
import { QUEUE } from "./versions.ts";

/** Why a base is not this host's any more. */
export type Loss =
  /** Another host has it, or may take it: the queue gave this attempt up. */
  | "taken-over"
  /** The database did not answer for as long as the heartbeat. */
  | "silent";

/** A base that this host holds. */
export interface Claim {
  /** Aborted when the base is lost. */
  readonly signal: AbortSignal;
  /** A statement for the transaction of a write: its row is missing where the base is lost. */
  readonly fence: Statement;
  /**
   * Called right before each write.
   *
   * @throws UpstreamError where the base is lost
   */
  check(): void;
  /** Null while the base is held. */
  loss(): Loss | null;
  stop(): void;
}

/** Each heartbeat is tried so many times before it is due. */
const BEATS = 4;

/** From this share of the heartbeat on nothing is written without a sign of the database: clocks do not run alike. */
const SAFE_SHARE = 0.9;

export interface ClaimOptions {
  readonly schema: string;
  readonly heartbeat: Duration;
  readonly deadline: Duration;
  /** When the queue was asked for the sweep, by the elapsed clock. */
  readonly since: Duration;
}

/**
 * Keeps a base while it is swept: renews the heartbeat, and says when it is lost. Time is counted from before the sweep
 * was taken, and from before each renewal is sent, on a clock that goes on while the process is stopped, so that this
 * host gives up before others take over.
 */
export function keepClaim<H extends Pick<HeldSweep, "id" | "attempt">>(
  queue: { touch(held: H): Promise<boolean> },
  held: H,
  { schema, heartbeat, deadline, since }: ClaimOptions,
  clock: Pick<Clock, "sleep">,
  elapsed: () => Duration,
): Claim {
  const lost = new AbortController();
  setMaxListeners(0, lost.signal);
  const stopped = new AbortController();
  let alive = since;
  let loss: Loss | null = null;
  const lose = (why: Loss) => {
    if (loss !== null) return;
    loss = why;
    lost.abort(lossError(why));
  };
  /** A host that was stopped finds out here, before any timer fires. */
  const judge = () => {
    const now = elapsed();
    if (now - alive >= heartbeat * SAFE_SHARE || now - since >= deadline) lose("silent");
    return loss;
  };
  const renew = async () => {
    const sent = elapsed();
    try {
      if (await queue.touch(held)) alive = sent;
      else lose("taken-over");
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
    }
  };
  const keep = async () => {
    while (judge() === null) {
      try {
        await clock.sleep(heartbeat / BEATS, stopped.signal);
      } catch (error) {
        if (stopped.signal.aborted) return;
        throw error;
      }
      await renew();
    }
  };
  void keep();
  const values = [QUEUE, held.id, held.attempt];
  const text = `SELECT FROM ${quoteIdentifier(schema)}.job
WHERE name = $1 AND id = $2::uuid AND state = 'active' AND retry_count = $3 FOR SHARE`;
  return {
    signal: lost.signal,
    fence: { text, values },
    check() {
      const why = judge();
      if (why !== null) throw lossError(why);
    },
    loss: () => loss,
    stop() {
      stopped.abort();
      loss ??= "taken-over";
    },
  };
}

function lossError(loss: Loss): UpstreamError {
  const why =
    loss === "taken-over"
      ? "another host may sweep this base now"
      : "the database did not answer within the heartbeat, so another host may sweep this base now";
  return new UpstreamError("unavailable", `${why}; nothing more is written`);
}

/** A clock that no one sets back, and that goes on while the machine sleeps: the later of two. */
export function elapsedClock(): () => Duration {
  const [wall, monotonic] = [Date.now(), performance.now()];
  return () => Math.max(Date.now() - wall, performance.now() - monotonic);
}
