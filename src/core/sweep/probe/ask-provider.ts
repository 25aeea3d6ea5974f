import type { Output, ProbeResult, ProviderEvidence, ProviderReply, StorageEvidence } from "../../domain/evidence.ts";
import type { SweepContext } from "../context.ts";
import type { Candidate } from "../decide/triage.ts";

/** More outputs than any job has; an answer must not make us ask without end. */
const MAX_OUTPUTS = 20;

/**
 * Asks the operation's provider, where the storage does not settle it: only for what is missing, or may be. Null where
 * there is nobody to ask.
 */
export async function askProvider(
  candidate: Candidate,
  storage: StorageEvidence,
  run: SweepContext,
): Promise<ProviderReply | null> {
  const { operation, externalId } = candidate;
  const provider = operation.provider === null ? undefined : run.providers.get(operation.provider);
  const open =
    storage.kind === "absent" ||
    storage.kind === "nowhere" ||
    (storage.kind === "unknown" && storage.cause === "forbidden");
  if (provider === undefined || operation.provider === null || !open) return null;
  const answer = await provider.status.ask(externalId, run.limits.reads);
  const urls = answer.kind === "succeeded" ? answer.urls.slice(0, MAX_OUTPUTS) : [];
  const probes: ProbeResult[] = [];
  for (const url of urls) probes.push(await provider.look(url, run.limits.reads));
  return { provider: operation.provider, url: provider.url, answer, probes };
}

/** What an answer comes to; null where none was asked for. */
export function toProviderEvidence(providerReply: ProviderReply | null): ProviderEvidence | null {
  if (providerReply === null) return null;
  const { provider, answer, probes } = providerReply;
  const detail = `${provider}: ${answer.detail}`;
  switch (answer.kind) {
    case "running":
      return { kind: "running", detail };
    case "failed":
      return { kind: "failed", error: answer.error, detail };
    case "forgotten":
    case "unknown":
      return { kind: "silent", detail };
    case "succeeded": {
      const there = probes.flatMap((look): readonly Output[] => (look.result === "present" ? [look.output] : []));
      const [output = null, ...others] = there.length === probes.length ? there : [];
      if (output !== null) return { kind: "succeeded", output, others, detail };
      const unseen = probes.find(({ result }) => result !== "present");
      const why = unseen === undefined ? "it names no output" : `its output answers ${unseen.detail}`;
      return { kind: "succeeded", output, others, detail: `${detail}, but ${why}` };
    }
  }
}
