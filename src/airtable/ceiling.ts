import type { Clock } from "../core/ports.ts";
import { createPace, type Turn } from "./pace.ts";

/** What Airtable allows in a second to all the tokens of one user, over all bases (its API docs, rate limits). */
const TOKEN_LIMIT = 50;

/** The pace that several bases of one token keep to together, beneath which each has its own. */
export function createCeiling(clock: Clock): Turn {
  return createPace(TOKEN_LIMIT, clock);
}
