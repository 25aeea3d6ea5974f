import type { Clock } from "../../core/ports/ports.ts";
import { type AcquireSlot, createRateLimiter } from "./rate-limit.ts";

/**
 * Requests in a second to all bases of a token. Airtable allows 50 to all the tokens of one user (its API docs, rate
 * limits); a fifth is left, as of a base's own limit by default: for the user's other clients, and because a server that
 * stands still for 400 ms gets at once what was sent meanwhile (at 50 a second 57 were seen within one).
 */
const PER_SECOND = 40;

/** The pace that several bases of one token keep to together, beneath which each has its own. */
export function createTokenLimiter(clock: Clock): AcquireSlot {
  return createRateLimiter(PER_SECOND, clock);
}
