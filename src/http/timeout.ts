/** Work took longer than it was given. `message` is for people: "timed out after 10 s". */
export class TimeoutError extends Error {
  constructor(ms: number) {
    super(`timed out after ${duration(ms)}`);
    this.name = "TimeLimitReached";
  }
}

/**
 * Runs `work` under a signal that is aborted with `outer`, or with `TimeLimitReached` once `ms` have passed;
 * rejects with the reason at once, whether or not the work listens. Real time: it limits a real network.
 */
export async function withTimeout<T>(
  ms: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted();
  // Not AbortSignal.any: on Node 20 it keeps every derived signal for as long as the source lives.
  const inner = new AbortController();
  const pass = () => inner.abort(outer.reason);
  outer.addEventListener("abort", pass, { once: true });
  const timer = setTimeout(() => inner.abort(new TimeoutError(ms)), ms);
  try {
    return await abortable(work(inner.signal), inner.signal);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener("abort", pass);
  }
}

/** Settles as `work` does, or rejects with the signal's reason as soon as it is aborted. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Milliseconds for people: "10 s", "1.5 s", "50 ms". */
export function duration(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Number((ms / 1000).toFixed(1))} s`;
}
