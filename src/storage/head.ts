import type { Final, Transient } from "../http/retry.ts";
import { afterRedirect, classify, type ProbeOutcome, readFailure, readMeasured } from "./classify-response.ts";
import { follow } from "./redirects.ts";
import { type BucketRequests, isPresigned } from "./requests.ts";

/** One HEAD with the redirects that it leads through, and a ranged GET where it tells no size. */
export async function probeOnce(
  ask: Pick<BucketRequests, "object" | "link">,
  url: URL,
  signal: AbortSignal,
): Promise<Final<ProbeOutcome> | Transient<ProbeOutcome>> {
  let at = url;
  for (let followed = 0; ; followed += 1) {
    // A redirect's link was made for the method that we came with.
    const isLink = followed === 0 && isPresigned(at);
    const reply = isLink ? await ask.link(at, signal) : await ask.object("HEAD", at, signal);
    if (reply.kind === "failure") return readFailure(reply);
    if (reply.kind === "final") return afterRedirects(reply, at, followed);
    const reading = classify(reply);
    if (reading.kind === "transient") return reading;
    if (reading.kind === "final") return afterRedirects(reading, at, followed);
    if (reading.kind === "sizeless") return readMeasured(reply, await ask.object("GET", at, signal));
    const next = follow(at, reply, followed);
    if (next.kind === "final") return next;
    at = next.to;
  }
}

function afterRedirects(found: Final<ProbeOutcome>, at: URL, followed: number): Final<ProbeOutcome> {
  return followed === 0 ? found : afterRedirect(found, at.host);
}
