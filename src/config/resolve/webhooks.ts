import type { Operation } from "../../core/domain/operation.ts";
import type { Environment } from "../env/environment.ts";
import type { Problem } from "../problems.ts";
import type { Config } from "../schema/config.ts";
import type { JournalSettings } from "./journal.ts";

/** The hosts that webhooks may be sent to again, and their signature. */
export interface WebhookSettings {
  /** `host` or `host:port`, in lower case. */
  readonly allowHosts: readonly string[];
  readonly signature: { readonly header: string; readonly prefix: string; readonly secret: string } | null;
}

/**
 * Resolves the webhooks. Adds to `problems` a missing secret, operations whose webhook cannot be sent, and the want of
 * anything that remembers which webhooks were sent again.
 */
export function resolveWebhooks(
  config: Config,
  operations: readonly Operation[],
  journal: JournalSettings,
  environment: Environment,
  problems: Problem[],
): WebhookSettings {
  const { allowHosts, signature } = config.webhooks;
  const isInUse = operations.some(({ completeVia }) => completeVia === "webhook");
  if (isInUse && allowHosts.length === 0) {
    problems.push({
      path: "webhooks.allowHosts",
      message: "missing; required since jobs are completed via their webhook",
    });
  }
  if (isInUse && journal.place === null && config.jobs.fields.notes === null) {
    const message =
      "found none, and no jobs.fields.notes; expected one of them: without it a webhook would be sent in every run";
    problems.push({ path: "journal", message });
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
