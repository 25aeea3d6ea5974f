import { setMaxListeners } from "node:events";
import type { Instant } from "../../core/domain/job.ts";
import type { Clock } from "../../core/ports/ports.ts";
import { abortable } from "../../http/timeout.ts";

/** Permission to send one request. Its user reports how it goes, since what counts is when it reaches the server. */
export interface Slot {
  /** The request has left this process. */
  sent(): void;
  /** It is answered, or will not be. */
  done(): void;
  /** It was refused for the rate of requests, or for their number in this month: whoever shares the limit slows down. */
  refused?(why: "rate" | "quota"): void;
}

/**
 * Waits until the next request may be sent; rejects with the signal's reason when it is aborted first. A limiter that
 * several bases share may let the one go first whose sweep began first, at `since`.
 */
export type AcquireSlot = (signal: AbortSignal, since?: Instant) => Promise<Slot>;

/** Airtable counts in a sliding second of its own clock; the milliseconds make up for rounding at both ends. */
const WINDOW_MS = 1_010;

/** Requests that a base allows in a second. */
const BASE_LIMIT = 5;

/**
 * How much of a request's latency, in ms, is taken for a delay on its way to the server. A delayed request reaches the
 * server closer to its successors than it left; but most of a long latency is the server's own work, as for a write. At
 * the base's limit an underestimated delay costs 30 seconds; below it there is a margin.
 */
const MAX_DELAY_MS = { atLimit: 250, below: 60 };

/** Lost time that may be made up for: so much earlier than evenly spaced a request may go. */
const BURST_ALLOWANCE_MS = 400;

/**
 * Minimum gap between requests. Back-to-back requests can queue on the server and be counted later than they were sent,
 * which no answer shows as long as all take the same time.
 */
const MIN_GAP_MS = 50;

/** How often to check again while it is not known when the earlier requests left. */
const RECHECK_MS = 10;

/**
 * Requests a second to all bases of a token. Airtable allows 50 to all the tokens of one user (its API docs, rate
 * limits). A fifth is left for the user's other clients, and because a server that pauses for 400 ms receives at once
 * what was sent meanwhile: at 50 a second 57 were measured within one.
 */
const TOKEN_LIMIT = 40;

/**
 * Creates the rate limiter that several bases of one token share; each base has its own beneath it.
 *
 * @param hosts how many hosts use the token at the same time, each without knowing of the others
 */
export function createTokenLimiter(clock: Clock, hosts = 1): AcquireSlot {
  return createRateLimiter(TOKEN_LIMIT / hosts, clock);
}

interface SentRequest {
  /** Null while it has not left. */
  leftAt: number | null;
  answeredAt: number | null;
}

/**
 * Creates a first-in-first-out rate limiter. It spaces requests evenly, allows a burst of 400 ms after a delay, and
 * never lets more than `perSecond` requests (rounded up) arrive at the server within one second. p-throttle, as any
 * limiter that counts when a request is released, lets the sixth arrive within a second of the first when the first was
 * delayed, by its handshake or a busy machine: a 429, and 30 seconds without answers.
 *
 * @param shared the limiter that several bases share; each has at most one request waiting there, so that its order is
 * a round robin of the bases
 */
export function createRateLimiter(perSecond: number, clock: Clock, shared: AcquireSlot | null = null): AcquireSlot {
  const interval = 1000 / perSecond;
  const minGap = Math.min(MIN_GAP_MS, interval / 4);
  const capacity = Math.ceil(perSecond);
  const maxDelay = capacity < BASE_LIMIT ? MAX_DELAY_MS.below : MAX_DELAY_MS.atLimit;
  let recent: SentRequest[] = [];
  let lowestLatency = Number.POSITIVE_INFINITY;
  let nextDue = Number.NEGATIVE_INFINITY;
  let lastGranted = Number.NEGATIVE_INFINITY;
  let queue: Promise<unknown> = Promise.resolve();
  const since = clock.now();

  return (signal) => {
    // One signal serves all requests of a sweep; above ten listeners Node prints a warning, which cron mails.
    setMaxListeners(0, signal);
    const slot = queue.then(() => waitForSlot(signal));
    queue = slot.catch(() => undefined);
    return abortable(slot, signal);
  };

  async function waitForSlot(signal: AbortSignal): Promise<Slot> {
    for (let wait = waitAt(clock.now()); wait > 0; wait = waitAt(clock.now())) await clock.sleep(wait, signal);
    signal.throwIfAborted();
    const sharedSlot = shared === null ? null : await shared(signal, since);
    const now = clock.now();
    nextDue = Math.max(nextDue, now - BURST_ALLOWANCE_MS) + interval;
    lastGranted = now;
    const request: SentRequest = { leftAt: null, answeredAt: null };
    recent = [...recent, request].slice(-capacity);
    return {
      sent() {
        sharedSlot?.sent();
        request.leftAt ??= clock.now();
      },
      done() {
        sharedSlot?.done();
        const answeredAt = request.answeredAt ?? clock.now();
        // What was not sent says nothing of the latency.
        if (request.leftAt !== null) lowestLatency = Math.min(lowestLatency, Math.max(0, answeredAt - request.leftAt));
        request.answeredAt = answeredAt;
        request.leftAt ??= answeredAt;
      },
      refused: (why) => sharedSlot?.refused?.(why),
    };
  }

  /** Returns how many milliseconds to wait until the next request may go, or until it is worth checking again. */
  function waitAt(now: number): number {
    for (const request of recent) clampToNow(request, now);
    nextDue = Math.min(nextDue, now + interval);
    lastGranted = Math.min(lastGranted, now);
    const evenlySpaced = Math.max(nextDue, lastGranted + minGap) - now;
    const [oldest] = recent;
    if (oldest === undefined || recent.length < capacity) return evenlySpaced;
    const untilWindow = latestArrival(oldest, now) + WINDOW_MS - now;
    const isKnown = oldest.leftAt !== null && oldest.answeredAt !== null;
    return Math.max(evenlySpaced, isKnown || untilWindow <= 0 ? untilWindow : Math.min(untilWindow, RECHECK_MS));
  }

  /** Returns the latest time at which a request can have reached the server: a slow answer may mean a slow arrival. */
  function latestArrival({ leftAt, answeredAt }: SentRequest, now: number): number {
    if (leftAt === null) return now;
    const usual = Number.isFinite(lowestLatency) ? lowestLatency : 0;
    const delay = Math.min(Math.max(0, (answeredAt ?? now) - leftAt - usual), maxDelay);
    return Math.min(leftAt + delay, now);
  }
}

/** After the clock was set back, what lies in its future counts as just now, and costs a second at most. */
function clampToNow(request: SentRequest, now: number): void {
  if (request.leftAt !== null) request.leftAt = Math.min(request.leftAt, now);
  if (request.answeredAt !== null) request.answeredAt = Math.min(request.answeredAt, now);
}
