import { setMaxListeners } from "node:events";
import type { Duration } from "../core/domain/job.ts";
import { UpstreamError } from "../core/ports/errors.ts";
import { quoteIdentifier } from "../database/identifiers.ts";
import type { Statement } from "../database/statement.ts";
import type { HeldSweep, Queue } from "./queue.ts";
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

/**
 * Keeps a base while it is swept: renews the heartbeat, and says when it is lost. Time is counted from before each
 * renewal is sent, on a clock that goes on while the process is stopped, so that this host gives up before others take
 * over.
 */
export function keepClaim(
  queue: Pick<Queue, "touch">,
  held: HeldSweep,
  {
    schema,
    heartbeat,
    deadline,
  }: { readonly schema: string; readonly heartbeat: Duration; readonly deadline: Duration },
  elapsed: () => number = elapsedClock(),
): Claim {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const began = elapsed();
  let alive = began;
  let loss: Loss | null = null;
  let timer: NodeJS.Timeout | null = null;
  const lose = (why: Loss) => {
    if (loss !== null) return;
    loss = why;
    controller.abort(lossError(why));
  };
  /** A host that was stopped finds out here, before any timer fires. */
  const judge = () => {
    const now = elapsed();
    if (now - alive >= heartbeat * SAFE_SHARE || now - began >= deadline) lose("silent");
    return loss;
  };
  const beat = async () => {
    const sent = elapsed();
    try {
      if (await queue.touch(held)) alive = sent;
      else lose("taken-over");
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
    }
    judge();
    if (loss === null) next();
  };
  const next = () => {
    timer = setTimeout(() => void beat(), heartbeat / BEATS);
    timer.unref();
  };
  next();
  const values = [QUEUE, held.id, held.attempt];
  const text = `SELECT FROM ${quoteIdentifier(schema)}.job
WHERE name = $1 AND id = $2::uuid AND state = 'active' AND retry_count = $3 FOR SHARE`;
  return {
    signal: controller.signal,
    fence: { text, values },
    check() {
      const why = judge();
      if (why !== null) throw lossError(why);
    },
    loss: () => loss,
    stop() {
      if (timer !== null) clearTimeout(timer);
      loss ??= "taken-over";
    },
  };
}

function lossError(loss: Loss): UpstreamError {
  const why =
    loss === "taken-over"
      ? "another host may sweep this base now"
      : "the database did not answer within the heartbeat, so that another host may sweep this base now";
  return new UpstreamError("unavailable", `${why}; nothing more is written`);
}

/** A clock that no one sets back, and that goes on while the machine sleeps: the later of two. */
function elapsedClock(): () => number {
  const [wall, monotonic] = [Date.now(), performance.now()];
  return () => Math.max(Date.now() - wall, performance.now() - monotonic);
}
