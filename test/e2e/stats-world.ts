import { folder } from "./cli.ts";
import { openWorld, realSchema, type World } from "./world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export { DAY, HOUR, MINUTE };

/** A base whose jobs have a field with the time of completion. */
export function schemaWithCompletedAt() {
  const schema = realSchema();
  const tables = schema.tables.map((table) =>
    table.name === "Jobs"
      ? { ...table, fields: [...table.fields, { id: "fldCompletedAt001", name: "Completed At", type: "dateTime" }] }
      : table,
  );
  return { ...schema, tables };
}

let made = 0;

/** The next record id. */
export function nextId(): string {
  made += 1;
  return `recStats${String(made).padStart(9, "0")}`;
}

/** A job that polling completed `after` its creation, `age` ago. */
export function polled(world: World, type: string, age: number, after: number, notesBefore = ""): string {
  const id = nextId();
  const at = new Date(Date.now() - age + after).toISOString();
  const line = `Completed via polling at ${at}: found x.mp4 (HTTP 200, 5 bytes); rule output-found [stuck-jobs 0.1.0, run r1]`;
  const Notes = `${notesBefore}${line}`;
  world.job(id, { Type: type, Status: "completed", "External Job ID": `e-${id}`, Notes }, age);
  return id;
}

/** A job whose webhook came `after` its creation, where the base has that time. */
export function hooked(world: World, type: string, age: number, after: number | null = null): string {
  const id = nextId();
  const at = after === null ? {} : { "Completed At": new Date(Date.now() - age + after).toISOString() };
  world.job(id, { Type: type, Status: "completed", "External Job ID": `e-${id}`, ...at }, age);
  return id;
}

/** A week of some hundred jobs, in which more and more webhooks are lost: what the page in the docs shows. */
export async function week() {
  const world = await openWorld({ schema: schemaWithCompletedAt() });
  const types = ["combine", "concatenate", "add_music_to_video"];
  for (let n = 0; n < 280; n += 1) {
    const age = 20 * MINUTE + n * ((6.6 * DAY) / 280);
    const type = types[n % 7 < 4 ? 0 : n % 7 < 6 ? 1 : 2] ?? "combine";
    // The older the job, the rarer the loss; without chance, so that the picture is the same each time.
    const lost = n % Math.round(3 + n / 25) === 0;
    if (lost) polled(world, type, age, (6 + ((n * 7) % 50)) * MINUTE);
    else if (n % 41 === 7) fail(world, type, age, n);
    else hooked(world, type, age, (20 + ((n * 13) % 70)) * 1000);
  }
  for (const [n, age] of [40_000, 2 * MINUTE, 8 * MINUTE, 25 * MINUTE, 5 * HOUR, 30 * HOUR].entries()) {
    world.job(
      nextId(),
      {
        Type: types[n % 3] ?? "",
        "External Job ID": `open-${n}`,
        "Request Payload": "{'segment_id': 'recSegment0000001'}",
      },
      age,
    );
  }
  return { world, cwd: folder() };
}

function fail(world: World, type: string, age: number, n: number): void {
  const ours = {
    "Error Details":
      "No output after 61 minutes (processing since x, checked y).\nSet to failed by stuck-jobs 0.1.0, run r1, rule output-absent.",
  };
  const theirs = { "Error Details": `ffmpeg: no such file rec1234567890123${n % 10}` };
  world.job(nextId(), { Type: type, Status: "failed", ...(n % 2 === 0 ? ours : theirs) }, age);
}
