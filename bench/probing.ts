import { Pool } from "undici";
import { createProbe } from "../src/storage/probe.ts";
import { systemClock } from "../src/system/clock.ts";
import { atLeast, type Effort, type Row, type Section } from "./result.ts";
import { median, openWorld } from "./run.ts";

/** How the storage's probe compares with a bare loop over the same HTTP client. */
export async function measureProbing({ full }: Effort): Promise<Section> {
  const looks = full ? 4_000 : 800;
  const rows: Row[] = [];
  const world = await openWorld({
    recoverable: looks,
    bucketLatency: 20,
  });
  try {
    const place = world.env.STUCK_JOBS_STORAGE_URL ?? "";
    const urls = Array.from({ length: looks }, (_, n) => `${place}/ext-${n}_output_0.mp4`);
    for (const concurrency of [16, 64]) {
      const ratios: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        const bare = await looping(urls, concurrency);
        ratios.push((await probing(place, urls, concurrency)) / bare);
      }
      const share = (value: number) => `${(value * 100).toFixed(0)} %`;
      rows.push(atLeast(`${concurrency} at a time: throughput, of a bare undici loop's`, median(ratios), 0.8, share));
    }
    const some = urls.slice(0, 400);
    const perSecond = await probing(place, some, 64, 200);
    const met = perSecond <= 210;
    rows.push({
      what: "64 at a time with the default storage.requestsPerSecond, 200",
      measured: `${perSecond.toFixed(0)}/s`,
      target: "≤ 210/s",
      met,
    });
  } finally {
    await world.close();
  }
  return { title: "Probing", about: `HEADs on loopback against a server that answers after 20 ms.`, rows };
}

/** Looks per second, with the pace out of the way. */
async function probing(baseUrl: string, urls: readonly string[], concurrency: number, requestsPerSecond = 10_000) {
  const probe = createProbe({ baseUrl, concurrency, requestsPerSecond, clock: systemClock, random: Math.random });
  const { signal } = new AbortController();
  const began = performance.now();
  await inParallel(urls, concurrency, async (url) => {
    const { result } = await probe.probe(url, signal);
    if (result !== "present") throw new Error(`${url}: ${result}`);
  });
  const perSecond = (urls.length / (performance.now() - began)) * 1000;
  await probe.close();
  return perSecond;
}

async function looping(urls: readonly string[], concurrency: number): Promise<number> {
  const pool = new Pool(new URL(urls[0] ?? "").origin, { connections: concurrency });
  const began = performance.now();
  await inParallel(urls, concurrency, async (url) => {
    const { body } = await pool.request({ method: "HEAD", path: new URL(url).pathname });
    await body.dump();
  });
  const perSecond = (urls.length / (performance.now() - began)) * 1000;
  await pool.close();
  return perSecond;
}

async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}
