import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { spillTo } from "../../../src/cli/run/spill.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stuck-jobs-test-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("a spill in a file", () => {
  it("gives texts back, short and long, written and not yet written", () => {
    const spill = spillTo(folder);
    const texts = Array.from({ length: 400 }, (_, n) => `${n} ä \ud83d\ude80 ${"x".repeat((n * 7919) % 9000)}`);
    texts.push("y".repeat(300_000), "", "z");
    const places = texts.map((text) => spill.put(text));
    for (const n of [...texts.keys()].reverse()) expect(spill.get(places[n] ?? -1) === texts[n]).toBe(true);
    const last = spill.put("at the end");
    expect(spill.get(last)).toBe("at the end");
    expect(spill.get(places[0] ?? -1)).toBe(texts[0]);
    spill.close();
  });

  it("makes no file for a few texts, and leaves no name in the folder for many", () => {
    const spill = spillTo(folder);
    spill.put("a few");
    expect(openIn(folder)).toEqual([]);
    for (let n = 0; n < 100; n += 1) spill.put("x".repeat(2_000));
    expect(readdirSync(folder)).toEqual([]);
    if (process.platform === "linux") expect(openIn(folder)).toHaveLength(1);
    spill.close();
    expect(openIn(folder)).toEqual([]);
  });

  it("says so where it cannot be made, and still has what it took", () => {
    const spill = spillTo(join(folder, "missing"));
    const places: number[] = [];
    expect(() => {
      for (let n = 0; n < 100; n += 1) places.push(spill.put(`${n}${"x".repeat(2_000)}`));
    }).toThrow("ENOENT");
    expect(places.length).toBeGreaterThan(10);
    for (const [n, place] of places.entries()) expect(spill.get(place)).toBe(`${n}${"x".repeat(2_000)}`);
    spill.close();
  });
});

/** What this process holds open there, whatever has become of its name. */
function openIn(place: string): readonly string[] {
  if (process.platform !== "linux") return [];
  const links = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The one by which the folder itself was read.
      return "";
    }
  });
  return links.filter((path) => path.startsWith(`${place}/`));
}
