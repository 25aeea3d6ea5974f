import { setMaxListeners } from "node:events";
import type { Clock } from "../../core/ports/ports.ts";

/** A request that has its turn. Whoever sends it tells how it goes, since what counts is when it reaches the server. */
export interface Slot {
  /** The request has left this process. */
  sent(): void;
  /** It is answered, or will not be. */
  done(): void;
}

/** Waits until the next request may go out; rejects with the signal's reason when it is aborted first. */
export type AcquireSlot = (signal: AbortSignal) => Promise<Slot>;

/** Airtable counts in a sliding second, of its own clock; the milliseconds make up for rounding at both ends. */
const WINDOW = 1_010;

/** What a base allows in a second. */
const LIMIT = 5;

/**
 * How much of a request's delay is taken for a delay on its way there. One that was held up reaches the server closer
 * to its successors than it left; but most of a long wait is the server's own work, as for a write. At the very limit a
 * delay that was missed costs 30 seconds, below it there is room.
 */
const LONGEST_DELAY = { atLimit: 250, below: 60 };

/** Lost time that may be made up for, in ms: so much earlier than evenly spaced a request may go. */
const BURST_ALLOWANCE_MS = 400;

/**
 * Two that go at the same moment may find the server at work on the first of them, and the other is then counted later
 * than it came: no answer tells of that as long as all take alike. So far apart, in ms, they mostly do not meet.
 */
const MIN_GAP_MS = 50;

/** How often to look again while it is not known when the earlier requests left, in ms. */
const RECHECK = 10;

interface Sent {
  /** Null while it has not left. */
  leftAt: number | null;
  answeredAt: number | null;
}

/**
 * Lets `perSecond` requests a second go, in the order in which they come. They are spaced evenly, but for what lost
 * time leaves to be made up for, and in any second no more than `perSecond` of them (rounded up) reach the server.
 * p-throttle, as any limiter that counts when a request is allowed to go, lets the sixth arrive within a second of the
 * first when the first was held up, by its handshake or a busy machine: a 429, and 30 seconds of silence.
 *
 * @param ceiling what several paces have to keep to together; each has no more than one request waiting there, so that
 * first come, first served is a round of them all
 */
export function createRateLimiter(perSecond: number, clock: Clock, ceiling: AcquireSlot | null = null): AcquireSlot {
  const gap = 1000 / perSecond;
  const apart = Math.min(MIN_GAP_MS, gap / 4);
  const most = Math.ceil(perSecond);
  const longest = most < LIMIT ? LONGEST_DELAY.below : LONGEST_DELAY.atLimit;
  let recent: Sent[] = [];
  let fastest = Number.POSITIVE_INFINITY;
  let due = Number.NEGATIVE_INFINITY;
  let latest = Number.NEGATIVE_INFINITY;
  let last: Promise<unknown> = Promise.resolve();

  return (signal) => {
    // One signal serves all requests of a sweep; above ten listeners Node prints a warning, which cron mails.
    setMaxListeners(0, signal);
    const mine = last.then(() => waitForTurn(signal));
    last = mine.catch(() => undefined);
    return orAborted(mine, signal);
  };

  async function waitForTurn(signal: AbortSignal): Promise<Slot> {
    for (let wait = waitAt(clock.now()); wait > 0; wait = waitAt(clock.now())) await clock.sleep(wait, signal);
    signal.throwIfAborted();
    const above = ceiling === null ? null : await ceiling(signal);
    const now = clock.now();
    due = Math.max(due, now - BURST_ALLOWANCE_MS) + gap;
    latest = now;
    const sent: Sent = { leftAt: null, answeredAt: null };
    recent = [...recent, sent].slice(-most);
    return {
      sent() {
        above?.sent();
        sent.leftAt ??= clock.now();
      },
      done() {
        above?.done();
        sent.answeredAt ??= clock.now();
        sent.leftAt ??= sent.answeredAt;
        fastest = Math.min(fastest, Math.max(0, sent.answeredAt - sent.leftAt));
      },
    };
  }

  /** Milliseconds until the next may go, or until it is worth to look again. */
  function waitAt(now: number): number {
    for (const sent of recent) clampToNow(sent, now);
    due = Math.min(due, now + gap);
    latest = Math.min(latest, now);
    const even = Math.max(due, latest + apart) - now;
    const [first] = recent;
    if (first === undefined || recent.length < most) return even;
    const window = latestArrival(first, now) + WINDOW - now;
    const known = first.leftAt !== null && first.answeredAt !== null;
    return Math.max(even, known || window <= 0 ? window : Math.min(window, RECHECK));
  }

  /** When a request has reached the server at the latest, as far as can be told: answers that took longer than usual tell. */
  function latestArrival({ leftAt, answeredAt }: Sent, now: number): number {
    if (leftAt === null) return now;
    const usual = Number.isFinite(fastest) ? fastest : 0;
    const delay = Math.min(Math.max(0, (answeredAt ?? now) - leftAt - usual), longest);
    return Math.min(leftAt + delay, now);
  }
}

/** After a clock was set back what lies in its future counts as just now, and costs a second at most. */
function clampToNow(sent: Sent, now: number): void {
  if (sent.leftAt !== null) sent.leftAt = Math.min(sent.leftAt, now);
  if (sent.answeredAt !== null) sent.answeredAt = Math.min(sent.answeredAt, now);
}

/** Settles as `work` does, or rejects with the signal's reason as soon as it is aborted. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
