import { UpstreamError } from "../../core/ports/errors.ts";
import type { Clock } from "../../core/ports/ports.ts";
import type { HttpClient } from "../../http/client.ts";
import { createApiClient } from "./client.ts";
import { createMetadata } from "./metadata.ts";
import { type AcquireSlot, createRateLimiter } from "./rate-limit.ts";
import { createRequests } from "./requests.ts";

/** What it takes to ask for the owner of a token. */
export interface TokenOptions {
  readonly endpointUrl: string;
  readonly token: string;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Returns the id of the user whose token it is; null where Airtable does not say. Costs one request. */
export async function readUserId(
  { clock, random, ...options }: TokenOptions,
  signal: AbortSignal,
): Promise<string | null> {
  const requests = createRequests({
    client: createApiClient({ ...options, baseId: "meta" }),
    acquireSlot: createRateLimiter(1, clock),
    clock,
    random,
    remaining: () => null,
  });
  try {
    const { userId } = await createMetadata(requests, "meta").whoami(signal);
    return userId === "" ? null : userId;
  } catch (error) {
    // A token that is refused is reported by the sweep of its bases.
    if (error instanceof UpstreamError) return null;
    throw error;
  }
}

/**
 * Creates the limiter of a token before it is known whose it is: Airtable counts the requests of all tokens of one user
 * together, so that two tokens of one user share a limiter. Each user is asked for once, with the first request.
 *
 * @param owner returns the user's id; null where it is not known: then the token has a limiter of its own
 * @param limiterOf returns the limiter of a user
 */
export function createOwnerLimiter(
  owner: (signal: AbortSignal) => Promise<string | null>,
  limiterOf: (user: string | null) => AcquireSlot,
): AcquireSlot {
  let found: Promise<AcquireSlot> | null = null;
  return async (signal, since) => {
    found ??= owner(signal)
      .then(limiterOf)
      .catch((error: unknown) => {
        found = null;
        throw error;
      });
    return await (await found)(signal, since);
  };
}
