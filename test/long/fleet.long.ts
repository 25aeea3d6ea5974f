import { describe, expect, it } from "vitest";
import { atWrite, type Fleet, openFleet, silence } from "../e2e/fleet-world.ts";
import { mostInASecond } from "../e2e/many-world.ts";
import { openPostgresProxy } from "../support/postgres-proxy.ts";
import { usePostgres } from "../support/use-postgres.ts";

const server = usePostgres();

/** Prints a measurement, past what the test runner keeps. */
const say = (line: string) => process.stdout.write(`${line}\n`);

const JOBS = 3;

function fill({ world }: Pick<Fleet, "world">): void {
  for (const n of world.ids.keys()) {
    for (let each = 0; each < JOBS; each += 1) world.stuck(n, "recoverable", each);
    world.stuck(n, "lost", JOBS);
  }
}

function statuses({ world }: Pick<Fleet, "world">): readonly unknown[] {
  return world.ids.flatMap((_, n) => [
    ...Array.from({ length: JOBS }, (_, each) => world.status(n, "recoverable", each)),
    world.status(n, "lost", JOBS),
  ]);
}

/** Runs a host that is killed at its nth request to Airtable, and another one after the heartbeat. */
async function killedAt(nth: number) {
  let requests = 0;
  let kill = () => {};
  const fleet = await openFleet(server, 1, {
    instead: () => {
      requests += 1;
      if (requests === nth) kill();
      return undefined;
    },
  });
  fill(fleet);
  const first = await fleet.host(["recover"], {
    started: (signal) => {
      kill = () => signal("SIGKILL");
    },
  });
  const sent = requests;
  if (first.signal === "SIGKILL") {
    await silence();
    const next = await fleet.host(["recover"]);
    expect([nth, next.code]).toEqual([nth, 0]);
  }
  return { wasKilled: first.signal === "SIGKILL", sent, statuses: statuses(fleet) };
}

describe("a host that is killed at any of its requests", () => {
  it("leaves a base that the next host ends as an undisturbed sweep does", async () => {
    const undisturbed = await killedAt(Number.POSITIVE_INFINITY);
    expect(undisturbed.statuses).toEqual(["completed", "completed", "completed", "failed"]);
    const places = Array.from({ length: undisturbed.sent }, (_, n) => n + 1);
    const AT_ONCE = 4;
    for (let start = 0; start < places.length; start += AT_ONCE) {
      const ended = await Promise.all(places.slice(start, start + AT_ONCE).map(killedAt));
      for (const each of ended) expect(each).toMatchObject({ wasKilled: true, statuses: undisturbed.statuses });
    }
    say(`killed at each of ${places.length} requests`);
  });
});

describe("a database that goes away for a moment, again and again", () => {
  it("loses no base, and lets no two hosts sweep one at once", async () => {
    const fleet = await openFleet(server, 24);
    fill(fleet);
    const way = await openPostgresProxy(fleet.database.url);
    const env = { STUCK_JOBS_DATABASE_URL: way.url };
    let running = true;
    const faults = (async () => {
      while (running) {
        await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 1500));
        way.cut();
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 500));
        way.restore();
      }
    })();
    const ran = await Promise.all([1, 2, 3].map(() => fleet.host(["recover"], { env })));
    running = false;
    await faults;
    say(`exit codes with a failing database: ${ran.map(({ code }) => code).join(", ")}`);
    for (const { code } of ran) expect([0, 3, 5]).toContain(code);
    await silence();
    await fleet.host(["recover"]);
    await silence();
    expect((await fleet.host(["recover", "--base", ...fleet.world.ids])).code).toBe(0);
    expect(new Set(statuses(fleet))).toEqual(new Set(["completed", "failed"]));
    const double = await fleet.database.query(`SELECT one.base FROM stuck_jobs.sweeps one JOIN stuck_jobs.sweeps other
ON other.base = one.base AND other.id > one.id AND other.started_at < one.ended_at`);
    expect(double).toEqual([]);
  });
});

describe("a thousand bases and four hosts", () => {
  it("are swept in one slot, within the rate and near the time that it allows", async () => {
    const fleet = await openFleet(server, 1000);
    for (let each = 0; each < 300; each += 1) fleet.world.stuck(0, "recoverable", each);
    const env = { POLLING_INTERVAL_MINUTES: "10" };
    const begun = Date.now();
    const ran = await Promise.all([1, 2, 3, 4].map(() => fleet.host(["recover"], { env })));
    const took = (Date.now() - begun) / 1000;
    expect(ran.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const { arrivals } = fleet.world;
    const isLarge = ({ baseId }: { readonly baseId: string }) => baseId === fleet.world.ids[0];
    const most = mostInASecond(arrivals);
    say(
      `${arrivals.length} requests in ${took.toFixed(1)} s: ${((took * 40) / arrivals.length).toFixed(2)} x the time at 40/s; at most ${most} in a second`,
    );
    const [first = begun, last = begun] = [arrivals[0]?.at, arrivals.at(-1)?.at];
    const [ofOne = begun, toOne = begun] = [arrivals.find(isLarge)?.at, arrivals.findLast(isLarge)?.at];
    const since = (at: number) => ((at - begun) / 1000).toFixed(1);
    say(
      `requests from ${since(first)} s to ${since(last)} s; those of the base with 300 jobs from ${since(ofOne)} s to ${since(toOne)} s`,
    );
    const swept = await fleet.database.query(
      "SELECT count(DISTINCT base)::int AS bases, count(*)::int AS sweeps FROM stuck_jobs.sweeps",
    );
    expect(swept).toEqual([{ bases: 1000, sweeps: 1000 }]);
    expect(fleet.world.status(0, "recoverable", 299)).toBe("completed");
    expect(most).toBeLessThanOrEqual(50);
  });
});

describe("watch in a fleet", () => {
  it("sweeps each slot as a resident worker, until it is stopped", async () => {
    const { world, host, database } = await openFleet(server, 2);
    const env = { POLLING_INTERVAL_MINUTES: "0.1" };
    let end = () => {};
    const watching = host(["watch"], { env, started: (signal) => (end = () => signal("SIGTERM")) });
    const slots = async () =>
      Number((await database.query("SELECT count(*) AS n FROM stuck_jobs.slots WHERE closed_at IS NOT NULL"))[0]?.n);
    await expect.poll(slots, { timeout: 40_000 }).toBeGreaterThan(1);
    world.stuck(0, "recoverable");
    await expect.poll(() => world.status(0, "recoverable"), { timeout: 40_000 }).toBe("completed");
    end();
    const { code, stderr } = await watching;
    expect([code, stderr]).toEqual([143, expect.stringContaining("with the other hosts of the fleet")]);
  });
});

describe("a host that loses its way to the database, but not to Airtable", () => {
  it("writes nothing more than what it had begun, and says so", async () => {
    let cutAt = Number.POSITIVE_INFINITY;
    let cut = () => {};
    const writes: number[] = [];
    const pause = atWrite(1, () => cut());
    const { world, host, database } = await openFleet(server, 1, {
      instead: (n, request) => {
        if (request.method === "PATCH") writes.push(Date.now());
        return pause(n, request);
      },
    });
    for (let each = 0; each < 25; each += 1) world.stuck(0, "recoverable", each);
    const way = await openPostgresProxy(database.url);
    cut = () => {
      cutAt = Date.now();
      way.cut();
    };
    const ran = await host(["recover"], { env: { STUCK_JOBS_DATABASE_URL: way.url } });
    expect([3, 5]).toContain(ran.code);
    expect(writes.length).toBeLessThan(6);
    // The heartbeat, and one request.
    expect(Math.max(...writes) - cutAt).toBeLessThan(10_000 + 20_000);
  });
});
