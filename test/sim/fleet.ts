import type { HeldBase } from "../../src/cli/run/adapters.ts";
import { UpstreamError } from "../../src/core/ports/errors.ts";
import type { Clock } from "../../src/core/ports/ports.ts";
import { keepClaim } from "../../src/fleet/keep-claim.ts";
import { MINUTE, SECOND } from "../support/builders.ts";
import type { SimClock } from "./clock.ts";
import type { Random } from "./random.ts";
import type { Ending } from "./runner.ts";
import { CALM, START } from "./scenario.ts";
import type { World } from "./world.ts";

const HEARTBEAT = 10 * SECOND;
const DEADLINE = 90 * SECOND;
const SLOT = 2 * MINUTE;

/** One attempt to sweep the base. */
interface Held {
  readonly id: string;
  readonly attempt: number;
}

interface QueuedSweep {
  readonly id: string;
  attempt: number;
  state: "waiting" | "active" | "ended" | "dead";
  startedAt: number;
  heartbeatAt: number;
  /** How many transactions of the host that has it lock its row. */
  locks: number;
}

/** The queue of a fleet with one base, as its database has it: one attempt is active at a time. */
class SimQueue {
  takeovers = 0;
  readonly #clock: SimClock;
  readonly #sweeps: QueuedSweep[] = [];

  constructor(clock: SimClock) {
    this.#clock = clock;
  }

  /** Puts the sweep of the current slot into the queue, unless it was there or one of the base is open. */
  plan(): void {
    const id = String(Math.floor((this.#clock.now() - START) / SLOT));
    const isOpen = this.#sweeps.some(({ state }) => state === "waiting" || state === "active");
    if (isOpen || this.#sweeps.some((each) => each.id === id)) return;
    this.#sweeps.push({ id, attempt: 0, state: "waiting", startedAt: 0, heartbeatAt: 0, locks: 0 });
  }

  /** Gives the sweeps of silent hosts to others, once. */
  supervise(): void {
    const now = this.#clock.now();
    for (const sweep of this.#sweeps) {
      const isLost = now - sweep.heartbeatAt > HEARTBEAT || now - sweep.startedAt > DEADLINE;
      if (sweep.state !== "active" || !isLost || sweep.locks > 0) continue;
      this.takeovers += 1;
      sweep.state = sweep.attempt === 0 ? "waiting" : "dead";
      sweep.attempt += 1;
    }
  }

  take(): Held | null {
    const sweep = this.#sweeps.find(({ state }) => state === "waiting");
    if (sweep === undefined) return null;
    sweep.state = "active";
    sweep.startedAt = this.#clock.now();
    sweep.heartbeatAt = sweep.startedAt;
    return { id: sweep.id, attempt: sweep.attempt };
  }

  isHeld({ id, attempt }: Held): boolean {
    return this.#sweeps.some((each) => each.id === id && each.attempt === attempt && each.state === "active");
  }

  touch(held: Held): boolean {
    const sweep = this.#sweeps.find(({ id }) => id === held.id);
    if (sweep === undefined || !this.isHeld(held)) return false;
    sweep.heartbeatAt = this.#clock.now();
    return true;
  }

  lock(held: Held): boolean {
    const sweep = this.#sweeps.find(({ id }) => id === held.id);
    if (sweep === undefined || !this.isHeld(held)) return false;
    sweep.locks += 1;
    return true;
  }

  unlock(held: Held): void {
    const sweep = this.#sweeps.find(({ id }) => id === held.id);
    if (sweep !== undefined && this.isHeld(held)) sweep.locks = Math.max(0, sweep.locks - 1);
  }

  end(held: Held): void {
    const sweep = this.#sweeps.find(({ id }) => id === held.id);
    if (sweep !== undefined && this.isHeld(held)) sweep.state = "ended";
  }
}

/** What a sweep knows of its fleet. */
export interface FleetHold {
  /** Keeps the base; `living` is the clock of the host, which stands still with it. */
  keep(living: Pick<Clock, "sleep">): HeldBase;
  /** Called when a write or a webhook leaves the host. Returns what is wrong with that; null: nothing. */
  leaving(): string | null;
  /** Locks the row of the base until `unlock`, if it is this host's; others do not get it meanwhile. */
  lock(): boolean;
  unlock(): void;
  /** For how long the host stands still in the middle of a transaction, ms: not at all, most often. */
  stall(): number;
  /** Throws where this host cannot reach the database. */
  askDatabase(): void;
  /** The host stands still for a time, so many ms after it began to sweep; null: it does not. */
  readonly pause: { readonly at: number; readonly length: number } | null;
}

/** A host that looks for work: at each slot, or all the time. */
interface Host {
  readonly name: string;
  readonly machine: 0 | 1;
  readonly looks: "each slot" | "always";
  /** While it cannot reach the database. */
  readonly cut: { readonly from: number; readonly to: number };
}

const EVERY = HEARTBEAT / 2;

/**
 * Lets hosts share the base by a queue until the world is calm. They are stopped and go on, lose their way to the
 * database, and hear late that a sweep is theirs.
 *
 * @returns how often a sweep was given to another host
 */
export function scheduleFleet(
  world: World,
  random: Random,
  sweepNow: (name: string, machine: 0 | 1, hold: FleetHold) => Promise<Ending>,
): { takeovers(): number } {
  const { clock } = world;
  const queue = new SimQueue(clock);
  const hosts = [0, 1, 2].map((n): Host => {
    const from = START + random.whole(0, CALM - START);
    return {
      name: `host-${n}`,
      machine: n === 0 ? 0 : 1,
      looks: n === 0 || random.chance(0.3) ? "always" : "each slot",
      cut: { from, to: random.chance(0.5) ? from + random.whole(SECOND, MINUTE) : from },
    };
  });
  let sweeps = 0;

  async function pass(host: Host): Promise<void> {
    const isCut = () => clock.now() >= host.cut.from && clock.now() < host.cut.to;
    if (isCut()) return;
    queue.plan();
    queue.supervise();
    const since = clock.now();
    const held = queue.take();
    if (held === null) return;
    // The answer may be long on its way, or the host stand still before it sees it.
    await clock.sleep(random.chance(0.1) ? random.whole(SECOND, 20 * SECOND) : random.whole(5, 60));
    sweeps += 1;
    const name = `${host.name}-${sweeps}`;
    world.log(`${name} holds slot ${held.id}, attempt ${held.attempt}`);
    let stop = () => {};
    const hold: FleetHold = {
      keep(living) {
        const touch = async (): Promise<boolean> => {
          await living.sleep(random.chance(0.1) ? random.whole(SECOND, 12 * SECOND) : random.whole(5, 60));
          if (isCut()) throw new UpstreamError("unavailable", "the database is away");
          const isHeld = queue.touch(held);
          await living.sleep(random.chance(0.1) ? random.whole(SECOND, 4 * SECOND) : random.whole(5, 60));
          return isHeld;
        };
        const times = { schema: "fleet", heartbeat: HEARTBEAT, deadline: DEADLINE, since };
        const claim = keepClaim({ touch }, held, times, living, () => clock.now());
        stop = claim.stop;
        return claim;
      },
      lock: () => queue.lock(held),
      unlock: () => queue.unlock(held),
      stall: () => (random.chance(0.08) ? random.whole(11 * SECOND, 25 * SECOND) : 0),
      leaving: () => (queue.isHeld(held) ? null : "sends a write to a base that another host may have"),
      askDatabase() {
        if (isCut()) throw new UpstreamError("unavailable", "the database is away");
      },
      pause: random.chance(0.4) ? { at: random.whole(0, 8 * SECOND), length: random.whole(SECOND, 45 * SECOND) } : null,
    };
    const ending = await sweepNow(name, host.machine, hold);
    // The server ends the transactions of a killed host.
    queue.unlock(held);
    // A killed host neither renews its heartbeat nor says that the sweep has ended.
    if (ending.kind !== "killed" && !isCut()) queue.end(held);
    if (ending.kind !== "killed") stop();
  }

  for (const host of hosts) {
    let isBusy = false;
    const look = () => {
      if (isBusy || clock.now() >= CALM - DEADLINE / 2) return;
      isBusy = true;
      void pass(host).finally(() => {
        isBusy = false;
      });
    };
    const every = host.looks === "always" ? EVERY : SLOT;
    for (let at = random.whole(0, 4 * SECOND); at < CALM - START; at += every) clock.after(at, look);
  }
  return { takeovers: () => queue.takeovers };
}
