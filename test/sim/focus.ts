import { HOUR, MINUTE, SECOND } from "../support/builders.ts";
import type { Event } from "./events.ts";
import { filesWith, OPERATION_NAMES, OPERATIONS, type OperationName } from "./operations.ts";
import { fileNameFor, keyFor, type Past, pastOf } from "./places.ts";
import type { Random } from "./random.ts";
import { recordId, type Scenario, type SimJob, START, type Trouble } from "./scenario.ts";

/** One seed in so many stands for a focused world. */
const SHARE = 6;

/**
 * Returns the focused world that a seed stands for; null where it stands for one of any kind. A focused world has few
 * jobs and one feature, with the faults that put this feature to the test and hardly any others: so what is rare among
 * all worlds, such as a second webhook after a kill, is frequent here.
 */
export function focusedScenario(seed: number, random: Random): Scenario | null {
  if (seed % SHARE !== 0) return null;
  const focus = FOCUSES[(seed / SHARE) % FOCUSES.length] ?? FOCUSES[0];
  return focus(random);
}

const NO_TROUBLE: Trouble = {
  airtable: 0,
  storage: 0,
  disk: 0,
  handler: 0,
  refusing: 0,
  faults: "all",
  fetching: 0,
  fetchedWithin: 20 * SECOND,
  truncating: 0,
  kill: 0,
};

/** A world in which all goes well. */
const QUIET: Scenario = {
  jobs: [],
  outputs: [],
  events: [],
  trouble: NO_TROUBLE,
  bucket: "open",
  blind: null,
  wrongBucket: false,
  moved: null,
  history: [],
  listingCut: null,
  namesCut: false,
  skews: [0, 0],
  secondRunner: false,
  notes: "short",
  ageless: false,
  onExisting: "skip",
  startedAt: null,
  locked: null,
  refused: null,
  provider: false,
  via: "direct",
  fallback: "direct",
  pageSize: 100,
  undone: 0.5,
  maxFails: 100,
};

/** In turn; where what is tested depends on a moment, such as a kill between a post and its record, a world comes twice. */
const FOCUSES = [
  withoutControl,
  byWebhook,
  failedAtAnyAge,
  forOneTarget,
  droppedFiles,
  byWebhook,
  cutFiles,
  droppedFiles,
  writtenTwice,
  slowAnswers,
  busyBase,
  heldByTargets,
] as const;

/**
 * A new operation whose outputs are not where the configuration looks. Another operation's output is seen by every
 * sweep, since its place is taken: so a few jobs of the new one may be failed in all, and no more in the next sweep.
 */
function withoutControl(random: Random): Scenario {
  const due = jobsOf(random.whole(8, 14), "split", [61, 180], random);
  const seen = jobsOf(1, "combine", [10, 10], random, due.length);
  const jobs = [...due, ...seen];
  const moved = { operation: "split", since: 0, to: random.pick(["prefix", "name"] as const) } as const;
  const outputs = jobs.map((job) => keyFor({ ...job, begun: job.createdAt }, moved, random));
  const events = seen.map((job): Event => {
    return { kind: "occupy-target", at: START, job, fileName: "by hand.mp4", bare: false };
  });
  return { ...QUIET, jobs, outputs, events, bucket: "signed", moved };
}

/** Outputs that are elsewhere since some hours, in a base with more completed jobs than are read. */
function busyBase(random: Random): Scenario {
  const operation = random.pick(["combine", "zoom", "concatenate"] as const);
  const jobs = jobsOf(random.whole(3, 6), operation, [61, 180], random);
  const moved = { operation, since: START - 4 * HOUR, to: random.pick(["prefix", "name"] as const) } as const;
  const outputs = jobs.map((job) => keyFor({ ...job, begun: job.createdAt }, moved, random));
  const before = OPERATION_NAMES.map(
    (each): Past => ({ operation: each, createdAt: START - 5 * HOUR, recorded: true }),
  );
  const newest: Past = { operation, createdAt: START - 2 * MINUTE, recorded: true };
  return {
    ...QUIET,
    jobs,
    outputs,
    moved,
    history: [...before, newest],
    listingCut: random.chance(0.5) ? before.length : null,
  };
}

/** Webhooks that are sent again, to a handler that often dies over them, by runs that often die themselves. */
function byWebhook(random: Random): Scenario {
  const jobs = jobsOf(random.whole(6, 10), "combine", [6, 50], random);
  const { outputs, events } = appearing(jobs, [0, 0, MINUTE, 3 * MINUTE], random);
  return {
    ...QUIET,
    jobs,
    outputs,
    events,
    via: "webhook",
    fallback: random.pick(["direct", "none"] as const),
    notes: random.pick(["short", "none"] as const),
    secondRunner: true,
    trouble: { ...NO_TROUBLE, handler: 0.9, kill: 0.9 },
  };
}

/** Jobs that are failed, and their outputs appear later; most of them in bases without a maximum age. */
function failedAtAnyAge(random: Random): Scenario {
  const operation = random.pick(["combine", "concatenate"] as const);
  const jobs = jobsOf(random.whole(2, 6), operation, [61, 1_800], random);
  const { outputs, events } = appearing(jobs, [null, MINUTE, 3 * MINUTE, 5 * MINUTE], random);
  return {
    ...QUIET,
    jobs,
    outputs,
    events,
    ageless: random.chance(0.8),
    bucket: random.pick(["open", "signed"] as const),
    history: pastOf(null, random),
    trouble: { ...NO_TROUBLE, kill: random.pick([0, 0.3] as const) },
  };
}

/** Several jobs for one field of one record, some of the same instant, whose outputs appear in turn or together. */
function forOneTarget(random: Random): Scenario {
  const operation = random.pick(["combine", "concatenate"] as const);
  const apart = jobsOf(random.whole(2, 5), operation, [6, 52], random);
  const [first, ...others] = apart;
  const date = first?.createdAt ?? START;
  const jobs = apart.map((job) => {
    const createdAt = random.chance(0.6) ? date : job.createdAt;
    return { ...job, targetId: first?.targetId ?? job.targetId, createdAt };
  });
  const later = random.pick([MINUTE, 3 * MINUTE] as const);
  const { outputs, events } = appearing(jobs, [0, later, later, others.length > 1 ? 5 * MINUTE : null], random);
  return {
    ...QUIET,
    jobs,
    outputs,
    events,
    history: pastOf(null, random),
    onExisting: random.pick(["skip", "replace", "append"] as const),
    secondRunner: random.chance(0.3),
    trouble: { ...NO_TROUBLE, kill: random.pick([0, 0.3] as const) },
  };
}

/** Files that Airtable drops: of a base that answers slowly, or of a bucket that shows some of them only now and then. */
function droppedFiles(random: Random): Scenario {
  const isSlow = random.chance(0.7);
  const operation = isSlow ? random.pick(["combine", "zoom", "concatenate"] as const) : "split";
  const jobs = jobsOf(random.whole(4, 8), operation, [6, 50], random);
  const { outputs, events } = appearing(jobs, [0, 0, MINUTE, 3 * MINUTE], random);
  const trouble: Trouble = isSlow
    ? { ...NO_TROUBLE, airtable: 0.25, faults: "slow", disk: random.pick([0, 0.2] as const) }
    : { ...NO_TROUBLE, storage: 0.2 };
  return {
    ...QUIET,
    jobs,
    outputs,
    events: inOrder([...events, ...byHand(jobs, random)]),
    onExisting: "replace",
    undone: 1,
    trouble: { ...trouble, fetching: 0.8 },
  };
}

/** Files that Airtable fetches in part, of jobs that are run again in their old record. */
function cutFiles(random: Random): Scenario {
  const operation = random.pick(["split", "combine", "concatenate"] as const);
  const jobs = jobsOf(random.whole(4, 8), operation, [6, 50], random);
  const { outputs, events } = appearing(jobs, [0, 0, 0, MINUTE], random);
  for (const job of jobs) {
    if (random.chance(0.3)) continue;
    const at = START + random.whole(60, 150) * SECOND;
    const externalId = `r${random.whole(100_000, 999_999)}`;
    events.push({ kind: "rerun", at, job, externalId });
    for (const fileName of filesWith(fileNameFor(operation, externalId, random))) {
      events.push({ kind: "output", at: at + SECOND, fileName });
    }
  }
  const trouble = { ...NO_TROUBLE, truncating: 0.5 };
  return { ...QUIET, jobs, outputs, events: inOrder(events), onExisting: "replace", trouble };
}

/** Writes whose answers are lost, of files that Airtable has dropped by the time they are read: a run writes them twice. */
function writtenTwice(random: Random): Scenario {
  const operation = random.pick(["combine", "zoom"] as const);
  const jobs = jobsOf(random.whole(4, 8), operation, [6, 50], random);
  const { outputs, events } = appearing(jobs, [0, MINUTE, 3 * MINUTE, 5 * MINUTE], random);
  const trouble: Trouble = {
    ...NO_TROUBLE,
    airtable: 0.4,
    faults: "answers",
    fetching: 0.8,
    fetchedWithin: 2 * SECOND,
  };
  return {
    ...QUIET,
    jobs,
    outputs,
    events: inOrder([...events, ...byHand(jobs, random)]),
    onExisting: "replace",
    trouble,
    undone: 1,
  };
}

/** A base and a bucket that answer slowly, with jobs to recover and to fail. */
function slowAnswers(random: Random): Scenario {
  const operation = random.pick(["combine", "concatenate", "zoom"] as const);
  const jobs = jobsOf(random.whole(3, 8), operation, [55, 120], random);
  const { outputs, events } = appearing(jobs, [0, null, null, 2 * MINUTE], random);
  return {
    ...QUIET,
    jobs,
    outputs,
    events,
    history: pastOf(null, random),
    trouble: { ...NO_TROUBLE, airtable: 0.3, storage: 0.3, disk: random.pick([0, 0.3] as const), faults: "slow" },
  };
}

/** More jobs to fail than a run may; the targets of some hold their file, which is in the bucket no more. */
function heldByTargets(random: Random): Scenario {
  const operation = random.pick(["combine", "concatenate"] as const);
  const jobs = jobsOf(4, operation, [61, 180], random);
  const held = jobs.filter(() => random.chance(0.5));
  const events = held.map((job): Event => {
    const fileName = fileNameFor(operation, job.externalId, random);
    return { kind: "occupy-target", at: START, job, fileName, bare: false };
  });
  const history = [{ operation, createdAt: START - 5 * HOUR, recorded: true }];
  return { ...QUIET, jobs, events, history, maxFails: 2, trouble: { ...NO_TROUBLE, kill: 0.2 } };
}

/** Returns jobs of these ages in minutes, each with a target of its own. */
function jobsOf(
  count: number,
  operation: OperationName,
  [youngest, oldest]: readonly [number, number],
  random: Random,
  from = 0,
): readonly SimJob[] {
  const kind = OPERATIONS[operation].table === "Segments" ? "Seg" : "Vid";
  return Array.from({ length: count }, (_, n) => ({
    id: recordId("Job", from + n),
    operation,
    targetId: recordId(kind, from + n),
    createdAt: START - random.whole(youngest * MINUTE, oldest * MINUTE),
    externalId: `x${from + n}-${random.whole(1000, 9999)}`,
  }));
}

/** Some outputs take the place of a file, which no undo can put back. */
function byHand(jobs: readonly SimJob[], random: Random): readonly Event[] {
  return jobs
    .filter(() => random.chance(0.3))
    .map((job) => ({ kind: "occupy-target", at: START, job, fileName: "by hand.mp4", bare: false }));
}

/** Lets the output of each job appear at one of the moments after the start; 0: it is there before, null: never. */
function appearing(
  jobs: readonly SimJob[],
  moments: readonly [number | null, ...(number | null)[]],
  random: Random,
): { outputs: string[]; events: Event[] } {
  const outputs: string[] = [];
  const events: Event[] = [];
  for (const job of jobs) {
    const files = filesWith(fileNameFor(job.operation, job.externalId, random));
    const moment = random.pick(moments);
    if (moment === 0) outputs.push(...files);
    else if (moment !== null) {
      for (const fileName of files) events.push({ kind: "output", at: START + moment, fileName });
    }
  }
  return { outputs, events: inOrder(events) };
}

function inOrder(events: readonly Event[]): Event[] {
  return events.toSorted((one, other) => one.at - other.at);
}
