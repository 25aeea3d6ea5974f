import { guardJournal, guardWebhooks, whileHeld } from "../../src/cli/run/fleet/while-held.ts";
import type { AtomicWriter } from "../../src/core/ports/atomic-writer.ts";
import type { Journal } from "../../src/core/ports/journal.ts";
import type { Clock, WebhookSender } from "../../src/core/ports/ports.ts";
import type { Deadlines } from "../../src/core/sweep/context.ts";
import type { Database } from "../../src/database/connection.ts";
import { withFence } from "../../src/database/fence.ts";
import type { ApiClient } from "../../src/stores/airtable/client.ts";
import type { FleetHold } from "./fleet.ts";
import type { Line } from "./network.ts";

/** How a sweep is tied to the base that its host holds. */
export interface HostTies {
  readonly beforeWrite: () => void;
  client(exchange: ApiClient): ApiClient;
  journal(journal: Journal): Journal;
  webhooks(sender: WebhookSender): WebhookSender;
  atomic(writer: AtomicWriter): AtomicWriter;
  limits(limits: Deadlines): Deadlines;
  /** What a line to the world has of its host. */
  readonly line: Pick<Line, "awake" | "committing">;
}

/** Outside of a fleet nothing stands in between. */
export const NO_TIES: HostTies = {
  beforeWrite: () => undefined,
  client: (exchange) => exchange,
  journal: (journal) => journal,
  webhooks: (sender) => sender,
  atomic: (writer) => writer,
  limits: (limits) => limits,
  line: {},
};

/**
 * Ties a sweep to the base that its host holds, as the product does, and watches what leaves the host. Nothing lets the host
 * stand still between the question whether it may write and the write: that is what no process can rule out.
 *
 * @param broken called with what is wrong
 */
export function tiesOf(
  hold: FleetHold,
  living: Pick<Clock, "sleep">,
  { awake, standStill }: { awake(): Promise<void>; standStill(ms: number): void },
  broken: (what: string) => void,
): HostTies {
  const held = hold.keep(living);
  const leave = () => {
    const wrong = hold.leaving();
    if (wrong !== null) broken(wrong);
  };
  return {
    beforeWrite: held.check,
    client: (exchange) => async (request, signal, sent) => {
      if (request.method === "PATCH") leave();
      return await exchange(request, signal, sent);
    },
    journal(journal) {
      const reach = async () => {
        await awake();
        hold.askDatabase();
      };
      const distant: Journal = {
        ...journal,
        async recordIntent(writes, by) {
          await reach();
          const settle = await journal.recordIntent(writes, by);
          await awake();
          return settle;
        },
        async recordWebhookIntent(job, by) {
          await reach();
          const settle = await journal.recordWebhookIntent(job, by);
          await awake();
          return settle;
        },
      };
      return guardJournal(distant, held);
    },
    webhooks(sender) {
      const watched: WebhookSender = {
        ...sender,
        async post(request, signal) {
          leave();
          const result = await sender.post(request, signal);
          await awake();
          return result;
        },
      };
      return guardWebhooks(watched, held);
    },
    atomic: (writer) => ({
      ...writer,
      write: async (writes, by, signal) =>
        await withFence(transactions(hold, living), held).write(() => writer.write(writes, by, signal), signal),
    }),
    limits: (limits) => whileHeld(limits, held),
    line: {
      awake,
      async committing() {
        standStill(hold.stall());
        await awake();
        leave();
      },
    },
  };
}

/** The database of the fleet, as far as a transaction asks for the row of the base and keeps it until its end. */
function transactions(hold: FleetHold, living: Pick<Clock, "sleep">): Database {
  const refuse = () => Promise.reject(new Error("the simulated database takes transactions alone"));
  return {
    name: "simulated",
    read: refuse,
    execute: refuse,
    statements: () => 0,
    close: async () => undefined,
    async write(work) {
      await living.sleep(5);
      hold.askDatabase();
      try {
        return await work(async () => (hold.lock() ? [{}] : []));
      } finally {
        hold.unlock();
      }
    },
  };
}
