import { type Answer, afterRedirect, type Finding, read, readFailure, readMeasured } from "./answer.ts";
import type { Failure } from "./failure.ts";
import type { Settled, Transient } from "./persist.ts";
import { follow } from "./redirects.ts";

/** Asks for an object: all of what is told of it, or for its first byte only. */
export type AskObject = (method: "HEAD" | "GET", url: URL, signal: AbortSignal) => Promise<Answer | Failure>;

/** One HEAD with the redirects that it leads through, and a ranged GET where it tells no size. */
export async function lookOnce(
  ask: AskObject,
  url: URL,
  signal: AbortSignal,
): Promise<Settled<Finding> | Transient<Finding>> {
  let at = url;
  for (let followed = 0; ; followed += 1) {
    const reply = await ask("HEAD", at, signal);
    if (reply.kind === "failure") return readFailure(reply);
    const reading = read(reply);
    if (reading.kind === "transient") return reading;
    if (reading.kind === "settled") return followed === 0 ? reading : afterRedirect(reading, at.host);
    if (reading.kind === "sizeless") return readMeasured(reply, await ask("GET", at, signal));
    const next = follow(at, reply, followed);
    if (next.kind === "settled") return next;
    at = next.to;
  }
}
