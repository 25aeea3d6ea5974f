import { onTestFinished } from "vitest";
import type { ProviderStatus } from "../../src/core/ports/ports.ts";
import { testClock } from "../support/servers.ts";

export const ID = "6d90e664-b4c0-4d51-b1ee-624f25b93464";

/** What every provider is made with in a test: a clock on which waits take no time. */
export function means() {
  return {
    concurrency: 4,
    clock: testClock(),
    random: () => 0.5,
    timeouts: { connect: 5_000, answer: 5_000, total: 10_000 },
  };
}

/** The provider, closed at the end of the test. */
export function closing<T extends ProviderStatus & { close(): Promise<void> }>(provider: T): T {
  onTestFinished(() => provider.close());
  return provider;
}
