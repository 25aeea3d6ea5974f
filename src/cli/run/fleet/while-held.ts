import { setMaxListeners } from "node:events";
import type { Journal } from "../../../core/ports/journal.ts";
import type { WebhookSender } from "../../../core/ports/ports.ts";
import type { Deadlines } from "../../../core/sweep/context.ts";
import type { HeldBase } from "../adapters.ts";

/** Returns a journal that announces no write of a base that is not held any more. */
export function guardJournal<J extends Pick<Journal, "recordIntent" | "recordWebhookIntent">>(
  journal: J,
  held: Pick<HeldBase, "check">,
): J {
  return {
    ...journal,
    async recordIntent(...announced: Parameters<Journal["recordIntent"]>) {
      held.check();
      return await journal.recordIntent(...announced);
    },
    async recordWebhookIntent(...announced: Parameters<Journal["recordWebhookIntent"]>) {
      held.check();
      return await journal.recordWebhookIntent(...announced);
    },
  };
}

/** Returns a sender that sends no webhook for a base that is not held any more. */
export function guardWebhooks<S extends WebhookSender>(webhooks: S, held: Pick<HeldBase, "check">): S {
  return {
    ...webhooks,
    async post(...request: Parameters<WebhookSender["post"]>) {
      held.check();
      return await webhooks.post(...request);
    },
  };
}

/** Returns limits that end what is under way when the base is lost; a write that was sent is waited for. */
export function whileHeld(
  { listing, start, reads, writes }: Deadlines,
  { signal }: Pick<HeldBase, "signal">,
): Deadlines {
  const [ofListing, ofStart, ofReads] = [listing, start, reads].map((each) => {
    const either = AbortSignal.any([each, signal]);
    setMaxListeners(0, either);
    return either;
  });
  return { listing: ofListing ?? signal, start: ofStart ?? signal, reads: ofReads ?? signal, writes };
}
