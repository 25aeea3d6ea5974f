import type { Operation } from "../../core/domain/operation.ts";
import type { Environment } from "../env/environment.ts";
import type { Problem } from "../problems.ts";
import type { Config } from "../schema/config.ts";

/** The hosts that webhooks may be sent to again, and their signature. */
export interface WebhookSettings {
  /** `host` or `host:port`, in lower case. */
  readonly allowHosts: readonly string[];
  readonly signature: { readonly header: string; readonly prefix: string; readonly secret: string } | null;
}

/** Resolves the webhooks. Adds a missing secret, and operations whose webhook cannot be sent, to `problems`. */
export function resolveWebhooks(
  config: Config,
  operations: readonly Operation[],
  environment: Environment,
  problems: Problem[],
): WebhookSettings {
  const { allowHosts, signature } = config.webhooks;
  if (operations.some(({ completeVia }) => completeVia === "webhook") && allowHosts.length === 0) {
    problems.push({ path: "webhooks.allowHosts", message: "missing; a job is to be completed via its webhook" });
  }
  for (const [name, { via, webhookEndpoint }] of Object.entries(config.operations)) {
    if (via !== "webhook" || webhookEndpoint !== null) continue;
    const message = "missing; without it the provider's webhook cannot be made again";
    problems.push({ path: `operations.${name}.webhookEndpoint`, message });
  }
  if (signature === null) return { allowHosts, signature };
  const secret = environment.secret("STUCK_JOBS_WEBHOOK_SECRET", problems);
  if (secret === null) {
    problems.push({ path: "webhooks.signature", message: "no secret; set STUCK_JOBS_WEBHOOK_SECRET" });
  }
  return { allowHosts, signature: { header: signature.header, prefix: signature.prefix, secret: secret ?? "" } };
}
