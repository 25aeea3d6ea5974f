import { describe, expect, it } from "vitest";
import { Bulk, type Embodied, type Spill } from "../../../src/core/sweep/bulk.ts";
import { spillToList } from "../../support/fakes.ts";

interface Body {
  text: string;
}

function owners(count: number): readonly Embodied[] {
  return Array.from({ length: count }, () => ({ place: null }));
}

/** A spill that takes so many texts and no more. */
function fullAfter(count: number): Spill {
  const spill = spillToList();
  let taken = 0;
  return {
    get: spill.get,
    put(text) {
      if (taken === count) throw new Error("ENOSPC: no space left on device");
      taken += 1;
      return spill.put(text);
    },
  };
}

describe("bodies that memory has no room for", () => {
  it("come back as they were, in any order", () => {
    const bulk = new Bulk<Body>(spillToList(), undefined, 3);
    const all = owners(50);
    for (const [n, owner] of all.entries()) bulk.add(owner, { text: `ä ${n} \ud83d\ude80 \ud800` });
    expect(all.filter(({ place }) => place !== null).length).toBeGreaterThan(40);
    const order = all.map((_, n) => (n * 37) % 50);
    for (const n of order) {
      const owner = all[n];
      if (owner !== undefined) expect(bulk.of(owner)).toEqual({ text: `ä ${n} \ud83d\ude80 \ud800` });
    }
  });

  it("keep what was changed, however often they were put away", () => {
    const bulk = new Bulk<Body>(spillToList(), undefined, 2);
    const all = owners(20);
    for (const owner of all) bulk.add(owner, { text: "" });
    for (const round of [1, 2, 3]) {
      for (const [n, owner] of all.entries()) bulk.toChange(owner).text += `${round}.${n} `;
    }
    expect(all.map((owner) => bulk.of(owner).text)).toEqual(all.map((_, n) => `1.${n} 2.${n} 3.${n} `));
  });

  it("are not written again where nothing was changed", () => {
    const spill = spillToList();
    let puts = 0;
    const counting: Spill = {
      get: spill.get,
      put(text) {
        puts += 1;
        return spill.put(text);
      },
    };
    const bulk = new Bulk<Body>(counting, undefined, 2);
    const all = owners(20);
    for (const owner of all) bulk.add(owner, { text: "" });
    for (const _ of [1, 2, 3]) for (const owner of all) bulk.of(owner);
    expect(puts).toBe(20);
  });

  it("stay in memory from the moment on at which the spill takes no more", () => {
    const missed: string[] = [];
    const bulk = new Bulk<Body>(fullAfter(7), (error) => missed.push(String(error)), 2);
    const all = owners(30);
    for (const [n, owner] of all.entries()) bulk.add(owner, { text: String(n) });
    for (const owner of all) bulk.toChange(owner).text += "!";
    expect(all.map((owner) => bulk.of(owner).text)).toEqual(all.map((_, n) => `${n}!`));
    expect(missed).toEqual(["Error: ENOSPC: no space left on device"]);
  });

  it("are all in memory without a spill", () => {
    const bulk = new Bulk<Body>(null, undefined, 2);
    const all = owners(30);
    for (const [n, owner] of all.entries()) bulk.add(owner, { text: String(n) });
    expect(all.map((owner) => bulk.of(owner).text)).toEqual(all.map((_, n) => String(n)));
    expect(all.every(({ place }) => place === null)).toBe(true);
  });
});
