import type { Provider } from "../core/ports/ports.ts";
import { type CheckResult, pass, warn } from "./check-result.ts";

/** Asks each provider about an unknown job: "no such job" proves that it is reachable and accepts the key. */
export async function checkProviders(
  providers: ReadonlyMap<string, Provider>,
  nobody: string,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  if (providers.size === 0) return [pass("provider", "providers", "none: only the storage is asked")];
  return await Promise.all([...providers].map(([name, provider]) => checkProvider(name, provider, nobody, signal)));
}

async function checkProvider(
  name: string,
  provider: Provider,
  nobody: string,
  signal: AbortSignal,
): Promise<CheckResult> {
  const [id, title] = ["provider", `provider ${name}`] as const;
  const { kind, detail } = await provider.status.ask(nobody, signal);
  if (kind === "forgotten") return pass(id, title, `${provider.url} answers: ${detail}`);
  if (kind === "unknown") {
    const next = `Check providers.${name} and its key, and whether the provider is up. Without it the storage alone decides.`;
    return warn(id, title, `${provider.url}: ${detail}`, next);
  }
  const next = `Check providers.${name}: it answers "${kind}" for a job that does not exist.`;
  return warn(id, title, `${provider.url}: ${detail}`, next);
}
