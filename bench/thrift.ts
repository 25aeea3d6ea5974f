import { atMost, type Effort, type Row, type Section } from "./result.ts";
import { openWorld, PLACES, sweep } from "./run.ts";

/** How many requests a sweep takes, by the servers' own count. */
export async function measureThrift({ full }: Effort): Promise<Section> {
  const rows: Row[] = [];
  for (const finished of [10, full ? 100_000 : 20_000]) {
    const seen = await swept({ finished, recoverable: 0, lost: 0 }, "recover");
    rows.push(atMost(`idle recover, ${finished} finished jobs: Airtable requests`, seen.counts.airtable, 1));
    rows.push(atMost(`idle recover, ${finished} finished jobs: other requests`, seen.counts.storage, 0));
    rows.push(agreement(seen));
  }
  for (const stuck of [10, 250, full ? 5_000 : 1_000]) {
    const seen = await swept({ finished: 100, recoverable: stuck, lost: 0 }, "scan");
    // One more for the younger jobs of the same targets, which the stuck ones may have to wait for.
    const most = Math.ceil(stuck / 100) + 1;
    rows.push(atMost(`scan, ${stuck} stuck jobs: Airtable requests`, seen.counts.airtable, most));
    rows.push(agreement(seen));
  }
  for (const recoverable of [1, 10, 60, 500, full ? 5_000 : 1_000]) {
    const seen = await swept({ finished: 100, recoverable, lost: 0 }, "recover");
    const most = Math.floor(
      1.1 * (Math.ceil(recoverable / 100) + 2 * Math.ceil(recoverable / 10)) + 2 * Math.ceil(recoverable / 50) + 2,
    );
    rows.push(atMost(`recover, ${recoverable} recoveries: Airtable requests`, seen.counts.airtable, most));
    rows.push(agreement(seen));
  }
  const seen = await swept({ finished: 100, recoverable: 60, lost: 40 }, "recover");
  // Of 40 fails each ten are read and written in one request each; their targets are read, and a control is looked for.
  const most = Math.floor(1.1 * (1 + 2 * 6) + 2 * 2 + 2 + 4 + 4 + 2);
  rows.push(atMost("recover, 60 recoveries and 40 fails: Airtable requests", seen.counts.airtable, most));
  rows.push(agreement(seen));
  return {
    title: "Thrift",
    about:
      "Requests by the servers' own count, against an in-memory base with the real schema. For R recoveries over one target table out of S stuck jobs at most 1.1 × (⌈S/100⌉ + 2⌈R/10⌉) + 2⌈R/50⌉, one list of the younger jobs that may compete, and, until a write is on record in the journal, one of the base's schema; for F fails ⌈F/10⌉ reads and as many writes, one list of completed jobs and one read of targets for each 50.",
    rows: rows.filter((row) => row.met === false || !row.what.startsWith(AGREES)).concat(allAgree(rows)),
  };
}

const AGREES = "the report counts as the servers do";

interface Seen {
  readonly counts: { readonly airtable: number; readonly storage: number };
  readonly reported: { readonly airtable: number; readonly storage: number };
  readonly what: string;
}

async function swept(
  jobs: { readonly finished: number; readonly recoverable: number; readonly lost: number },
  command: "scan" | "recover",
): Promise<Seen> {
  const world = await openWorld(jobs);
  try {
    const { report } = await sweep([command, "--deadline", "30m"], world.env, PLACES.unpaced);
    const what = `${command}, ${JSON.stringify(jobs)}`;
    const done = command === "scan" ? report.summary.stuck : report.summary.recovered + report.summary.failed;
    if (done !== jobs.recoverable + jobs.lost) throw new Error(`${what}: ${JSON.stringify(report.summary)}`);
    return { counts: await world.counts(), reported: report.requests, what };
  } finally {
    await world.close();
  }
}

function agreement({ counts, reported, what }: Seen): Row {
  const met = counts.airtable === reported.airtable && counts.storage === reported.storage;
  const measured = met
    ? "yes"
    : `${reported.airtable} + ${reported.storage}, not ${counts.airtable} + ${counts.storage}`;
  return { what: `${AGREES}: ${what}`, measured, target: "yes", met };
}

function allAgree(rows: readonly Row[]): readonly Row[] {
  const checks = rows.filter(({ what }) => what.startsWith(AGREES));
  const met = checks.filter((row) => row.met).length;
  return [{ what: AGREES, measured: `${met} of ${checks.length}`, target: "all", met: met === checks.length }];
}
