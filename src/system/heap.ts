import { setFlagsFromString } from "node:v8";

/** With fewer jobs than these the heap stays small by itself. */
const MANY_JOBS = 1_000;

/**
 * Limits how far the heap grows between two collections where a sweep holds many jobs: to 1.7 times of what is alive.
 * V8 alone lets it grow to 4 times (600 MB at 50,000 jobs). It reads the value at each collection.
 */
export function limitHeapGrowth(jobs: number): void {
  if (jobs > MANY_JOBS) setFlagsFromString("--heap-growing-percent=70");
}
