import { atMost, type Effort, type Row, ratio, type Section } from "./result.ts";
import { openWorld, sweep } from "./run.ts";

/** How near a sweep comes to the pace that is configured, and whether it ever passes what the base allows. */
export async function measurePace({ full }: Effort): Promise<Section> {
  const recoverable = full ? 500 : 100;
  const rows: Row[] = [];
  const seen: Awaited<ReturnType<typeof paced>>[] = [];
  for (const latency of [0, 150, 400]) {
    // Waiting is most of it: two worlds side by side do not slow each other down, six do as they start.
    seen.push(...(await Promise.all([4, 5].map((rate) => paced(recoverable, { rate, latency })))));
  }
  for (const { rate, latency, requests, durationMs, counts } of seen.sort((a, b) => a.rate - b.rate)) {
    const what = `${recoverable} recoveries at ${rate}/s, answers after ${latency} ms`;
    const floor = (requests / rate) * 1000;
    const shown = (value: number) => ratio(value);
    const pace = atMost(`${what}: time ÷ (${requests} requests ÷ rate)`, durationMs / floor, 1.1, shown);
    // A short sweep is mostly its beginning and its end; the target is for 500 recoveries.
    rows.push(full ? pace : { ...pace, target: "≤ 1.10 × (at 500, --full)", met: null });
    rows.push(atMost(`${what}: answers 429`, counts.refused, 0));
    console.log(`${what}: ${ratio(durationMs / floor)}, ${counts.refused} refused`);
  }
  const runs = full ? 100 : 8;
  let refused = 0;
  let most = 0;
  for (let done = 0; done < runs; done += 4) {
    const latencies = [0, 0, 150, 400];
    const four = await Promise.all(latencies.map((latency) => paced(60, { rate: 5, latency })));
    for (const { counts } of four) {
      refused += counts.refused;
      most = Math.max(most, counts.mostInASecond);
    }
  }
  rows.push(atMost(`${runs} sweeps at 5/s: answers 429`, refused, 0));
  rows.push(atMost(`${runs} sweeps at 5/s: most requests in any second at the server`, most, 5));
  return {
    title: "Pace",
    about:
      "The shipped build against a base that enforces Airtable's limit as a sliding second, with 30 s of 429 past it. Time is the report's own. What has to wait for an answer before it can be sent costs its time in full: the pages of the listing, the first read, the last write.",
    rows,
  };
}

async function paced(recoverable: number, { rate, latency }: { rate: number; latency: number }) {
  const world = await openWorld({
    finished: 100,
    recoverable,
    limited: true,
    baseLatency: latency,
    bucketLatency: 20,
  });
  try {
    const env = { ...world.env, STUCK_JOBS_AIRTABLE_RPS: String(rate) };
    const { report } = await sweep(["recover", "--deadline", "10m"], env);
    const counts = await world.counts();
    return { rate, latency, counts, requests: counts.airtable, durationMs: report.durationMs };
  } finally {
    await world.close();
  }
}
