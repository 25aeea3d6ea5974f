import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";

/** Always the same ones, so that a failure here is one everywhere; `npm run sim` takes any number of others. */
const SEEDS = 2_000;
const SEEDS_WITH_TRANSACTIONS = 300;
const SEEDS_OF_A_FLEET = 150;
const SEEDS_OF_A_FLEET_WITH_TRANSACTIONS = 50;

describe("the simulation", () => {
  // Some 30 s on two idle cores; the limit is for busy ones.
  it(`keeps every promise in ${SEEDS} histories`, { timeout: 600_000 }, async () => {
    const { code, lines } = await simulate("--seeds", String(SEEDS));
    expect(lines.slice(0, -1), "each broken seed, with the command that replays it").toEqual([]);
    expect(lines.at(-1)).toMatch(new RegExp(`^${SEEDS} seeds, .* 0 broken`));
    expect(code).toBe(0);
  });

  it(`keeps every promise in ${SEEDS_WITH_TRANSACTIONS} histories over a store with transactions`, {
    timeout: 600_000,
  }, async () => {
    const { code, lines } = await simulate("--transactions", "--seeds", String(SEEDS_WITH_TRANSACTIONS));
    expect(lines.slice(0, -1), "each broken seed; replay it with --transactions").toEqual([]);
    expect(code).toBe(0);
  });

  it(`keeps every promise in ${SEEDS_OF_A_FLEET} histories of a fleet, whose hosts take over from each other`, {
    timeout: 600_000,
  }, async () => {
    const { code, lines } = await simulate("--fleet", "--seeds", String(SEEDS_OF_A_FLEET));
    expect(lines.slice(0, -1), "each broken seed; replay it with --fleet").toEqual([]);
    expect(Number(/(\d+) takenOver/.exec(lines.at(-1) ?? "")?.[1])).toBeGreaterThan(SEEDS_OF_A_FLEET / 2);
    expect(code).toBe(0);
  });

  it("keeps every promise where hosts of a fleet stand still in the middle of a transaction", {
    timeout: 600_000,
  }, async () => {
    const seeds = String(SEEDS_OF_A_FLEET_WITH_TRANSACTIONS);
    const { code, lines } = await simulate("--fleet", "--transactions", "--seeds", seeds);
    expect(lines.slice(0, -1), "each broken seed; replay it with --fleet --transactions").toEqual([]);
    expect(code).toBe(0);
  });

  it("replays a seed with the same result each time", { timeout: 60_000 }, async () => {
    const [once, again] = [await simulate("--seed", "7"), await simulate("--seed", "7")];
    expect(once.lines.length).toBeGreaterThan(10);
    expect(again).toEqual(once);
  });
});

async function simulate(...args: readonly string[]): Promise<{ code: number | null; lines: readonly string[] }> {
  const child = spawn(process.execPath, ["scripts/sim.mjs", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  for await (const chunk of child.stdout) out += String(chunk);
  const code = await new Promise<number | null>((done) => {
    if (child.exitCode !== null) done(child.exitCode);
    else child.once("close", done);
  });
  return { code, lines: out.trim().split("\n") };
}
