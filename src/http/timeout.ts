/** Milliseconds that one exchange may take. */
export interface Timeouts {
  /** From the lookup of the host name to the end of the TLS handshake, a proxy's part included. */
  readonly connect: number;
  /** From the request to the end of the answer's body. */
  readonly answer: number;
  /** For all attempts of one question and the waits between them. */
  readonly total: number;
}

export const DEFAULT_TIMEOUTS: Timeouts = { connect: 5_000, answer: 10_000, total: 20_000 };

/** Work that took longer than its limit. The message is for people: "timed out after 10 s". */
export class TimeoutError extends Error {
  readonly code = "ETIMEDOUT";
  constructor(ms: number, subject = "") {
    super(`${subject}${subject === "" ? "" : " "}timed out after ${formatMs(ms)}`);
    this.name = "TimeoutError";
  }
}

/** A limit to the time that work may take. */
export interface TimeLimit {
  readonly ms: number;
  /**
   * Runs `work` under a signal that is aborted with `outer`, or with a `TimeoutError` once the time is up; rejects with
   * the signal's reason at once, whether or not the work listens to it. Real time: it limits a real network.
   */
  run<T>(outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Creates a limit of `ms` for each work that runs under it. */
export function createTimeLimit(ms: number): TimeLimit {
  /** Those of works that ended in time, for the next: a sweep may probe 50,000 outputs. */
  const unused: AbortController[] = [];

  return {
    ms,
    run(outer, work) {
      if (outer.aborted) return Promise.reject(outer.reason);
      return new Promise((resolve, reject) => {
        // Not AbortSignal.any: on Node 20 it keeps every derived signal for as long as the source lives.
        const inner = unused.pop() ?? new AbortController();
        const stop = (reason: unknown) => {
          inner.abort(reason);
          finish();
          reject(reason);
        };
        const forget = whenAborted(outer, () => stop(outer.reason));
        const timer = setTimeout(() => stop(new TimeoutError(ms)), ms);
        const finish = () => {
          clearTimeout(timer);
          forget();
        };
        const finishInTime = () => {
          if (inner.signal.aborted) return;
          finish();
          unused.push(inner);
        };
        work(inner.signal).then(
          (value) => {
            finishInTime();
            resolve(value);
          },
          (error) => {
            finishInTime();
            reject(error);
          },
        );
      });
    },
  };
}

/** Runs `work` under a limit of its own. */
export function withTimeout<T>(ms: number, outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return createTimeLimit(ms).run(outer, work);
}

/** Resolves or rejects as `work` does, or rejects with the signal's reason as soon as it is aborted. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    const forget = whenAborted(signal, stop);
    work.then(
      (value) => {
        forget();
        resolve(value);
      },
      (error) => {
        forget();
        reject(error);
      },
    );
  });
}

/** What is to be called when a signal is aborted. */
const callbacksOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `callback` when the signal is aborted, unless the function that is returned was called before. One listener of
 * the signal serves all: it looks through those that it has for each that is added, and warns of more than ten.
 */
function whenAborted(signal: AbortSignal, callback: () => void): () => void {
  const callbacks = callbacksOf.get(signal) ?? new Set();
  if (!callbacksOf.has(signal)) {
    callbacksOf.set(signal, callbacks);
    const callAll = () => {
      for (const each of callbacks) each();
    };
    signal.addEventListener("abort", callAll, { once: true });
  }
  callbacks.add(callback);
  return () => callbacks.delete(callback);
}

/** Formats milliseconds for people: "10 s", "1.5 s", "50 ms". */
function formatMs(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Number((ms / 1000).toFixed(1))} s`;
}
