import type { Settings } from "../../../config/settings.ts";
import type { Shared } from "../adapters.ts";
import type { OpenFleet } from "./open-fleet.ts";

/** What a command by hand shares with the hosts of the fleet: their budget, and the keys of bases. */
export interface FleetShare {
  readonly fleet: OpenFleet;
  readonly shared: Shared;
  close(): Promise<void>;
}

/**
 * Opens what a command shares with the fleet of a base; null where there is none. Its libraries are loaded only then.
 *
 * @param mayWrite whether the command needs the fleet's database; one that only reads goes on without it
 */
export async function openFleetShare(settings: Settings, mayWrite: boolean): Promise<FleetShare | null> {
  if (settings.fleet === null) return null;
  const [{ openFleet }, { openSharedConnections }] = await Promise.all([
    import("./open-fleet.ts"),
    import("../shared-connections.ts"),
  ]);
  const fleet = openFleet(settings.fleet, settings.deadline);
  const connections = openSharedConnections([settings], mayWrite ? fleet.budgetOf : fleet.readingBudgetOf);
  return {
    fleet,
    shared: connections.of(settings),
    async close() {
      await Promise.all([connections.close(), fleet.close()]);
    },
  };
}
