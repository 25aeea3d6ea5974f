import { HOUR } from "../support/builders.ts";
import { OPERATIONS, type OperationName } from "./operations.ts";
import { movedNamesOf } from "./places.ts";
import { hasOutput, jobIn, PLACE, type World } from "./world.ts";

type Operation = OperationName;

/** A job that has an output, as the base and the bucket show it. */
interface Known {
  readonly date: number;
  readonly createdAt: number;
  /** Whether its output is where the configuration looks. */
  readonly visible: boolean;
  /** Whether its record has an address at which the configuration does not look. */
  readonly elsewhere: boolean;
}

/** What the base and the bucket show of an operation's outputs. */
export interface Sight {
  /** Whether an output is on record, or is where the configuration looks. */
  readonly known: boolean;
  /** Whether one is where the configuration looks. */
  readonly visible: boolean;
  readonly suspect: boolean;
}

export function sightOf(operation: Operation, world: World): Sight {
  const known = knownOutputs(operation, world);
  return { known: known.length > 0, visible: known.some(({ visible }) => visible), suspect: isSuspect(known, world) };
}

/** Whether a listing of the bucket shows a name such as the operation's outputs have, be it of whatever job. */
export function listsShapeOf(operation: Operation, { scenario, objects }: World): boolean {
  const shapes = OPERATIONS[operation].names("x").flat();
  const fits = (key: string) => shapes.some((shape) => key.endsWith(shape.slice(1)) && !key.includes("/"));
  return scenario.bucket === "signed" && !scenario.wrongBucket && [...objects.keys()].some(fits);
}

/**
 * Whether the newest output of the operation is on record elsewhere, and no newer one is where the configuration looks:
 * then nothing of the operation may be failed. Only what every sweep has to find out counts.
 */
function isSuspect(known: readonly Known[], world: World): boolean {
  const newest = Math.max(...known.map(({ date }) => date));
  const [first, ...ties] = known.filter(({ date }) => date === newest);
  if (first === undefined || ties.length > 0) return false;
  // What was created longer ago is looked for only where the last day has nothing.
  return first.elsewhere && !first.visible && world.clock.now() - first.createdAt < 23 * HOUR;
}

function knownOutputs(operation: Operation, world: World): readonly Known[] {
  return world.base.records("Jobs").flatMap(({ id, createdTime, fields }): readonly Known[] => {
    const job = jobIn(id, fields);
    if (job.operation !== operation || fields.Type !== operation || /[ /]/.test(job.externalId)) return [];
    const visible = !world.scenario.wrongBucket && hasOutput(job, world);
    const elsewhere = movedNamesOf(job.externalId).some((key) => job.response.includes(`${PLACE}/${key}'`));
    if (!visible && job.status !== "completed") return [];
    const createdAt = Date.parse(createdTime);
    return [{ date: Math.max(createdAt, job.startedAt), createdAt, visible, elsewhere: elsewhere && !visible }];
  });
}
