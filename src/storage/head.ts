import type { Final, Transient } from "../http/retry.ts";
import { afterRedirect, classify, classifyRange, type ProbeOutcome, readFailure } from "./classify-response.ts";
import { sendAlong } from "./redirects.ts";
import { type BucketRequests, isPresigned } from "./requests.ts";

/** Probes an object by HEAD, along redirects, and by a ranged GET where the HEAD gives no size. */
export async function probeOnce(
  requests: Pick<BucketRequests, "object" | "link">,
  url: URL,
  signal: AbortSignal,
): Promise<Final<ProbeOutcome> | Transient<ProbeOutcome>> {
  const arrived = await sendAlong(url, (at, followed) =>
    // A redirect's link was made for the method with which we came.
    followed === 0 && isPresigned(at) ? requests.link(at, signal) : requests.object("HEAD", at, signal),
  );
  if (arrived.kind === "final") return arrived;
  const { reply, at, followed } = arrived;
  if (reply.kind === "failure") return readFailure(reply);
  const classified = reply.kind === "final" ? reply : classify(reply, url);
  if (classified.kind === "transient") return classified;
  if (classified.kind === "final") return followed === 0 ? classified : afterRedirect(classified, at.host);
  return classifyRange(classified.head, await requests.object("GET", at, signal), url);
}
