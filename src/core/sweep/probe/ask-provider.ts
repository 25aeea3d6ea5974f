import {
  combine,
  type ProbeGroup,
  type ProbeResult,
  type ProviderReply,
  type StorageEvidence,
} from "../../domain/evidence.ts";
import type { SweepContext } from "../context.ts";
import type { Candidate } from "../decide/triage.ts";

/** More outputs than any job has; an answer must not make us probe without end. */
const MAX_OUTPUTS = 20;

/**
 * Asks the operation's provider, and probes the outputs that it names. It is asked only where the output is missing in
 * the storage, or may be. Null where there is nobody to ask.
 */
export async function askProvider(
  { operation, externalId }: Candidate,
  probeGroups: readonly ProbeGroup[],
  run: SweepContext,
): Promise<ProviderReply | null> {
  const provider = operation.provider === null ? undefined : run.providers.get(operation.provider);
  if (provider === undefined || operation.provider === null) return null;
  if (!mayBeMissing(combine(probeGroups, null))) return null;
  const answer = await provider.status.ask(externalId, run.limits.reads);
  const urls = answer.kind === "succeeded" ? answer.urls.slice(0, MAX_OUTPUTS) : [];
  const probes: ProbeResult[] = [];
  for (const url of urls) probes.push(await provider.probe(url, run.limits.reads));
  return { provider: operation.provider, url: provider.url, answer, probes };
}

function mayBeMissing(storage: StorageEvidence): boolean {
  switch (storage.kind) {
    case "absent":
    case "no-names":
      return true;
    case "unknown":
      return storage.cause === "forbidden";
    case "present":
    case "partial":
      return false;
  }
}
