import type { BaseSchema, Field } from "./airtable/schema.ts";
import type { FieldsJson, Seed, SeedRecord } from "./seed.ts";

const TABLE = "Render Tasks";

function field(n: number, name: string, type: string, options: Field["options"] = {}): Field {
  return { id: `fldRenders00000${String(n).padStart(2, "0")}`, name, type, options };
}

const choices = (...names: readonly string[]) => ({ choices: names.map((name) => ({ name })) });

/** One table, without types, payloads or links: the link to the file is kept in a URL field of the job. */
export const RENDERS_SCHEMA: BaseSchema = {
  tables: [
    {
      id: "tblRenders0000001",
      name: TABLE,
      primaryFieldId: "fldRenders0000000",
      fields: [
        field(0, "Task ID", "singleLineText"),
        field(1, "Status", "singleSelect", choices("Queued", "In progress", "Done", "Error")),
        field(2, "Title", "singleLineText"),
        field(3, "Source URL", "url"),
        field(4, "Video URL", "url"),
        field(5, "Error Details", "multilineText"),
        field(6, "Log", "multilineText"),
      ],
    },
  ],
};

/** The content of the configuration file that `init` writes for it, without the base. */
export function rendersConfig(storageUrl: string): unknown {
  return {
    preset: "none",
    jobs: {
      table: TABLE,
      fields: { status: "Status", externalId: "Task ID", error: "Error Details", notes: "Log" },
      stuckStatuses: ["In progress"],
      completedStatus: "Done",
      failedStatus: "Error",
    },
    storage: { baseUrl: `${storageUrl}/renders` },
    operations: {
      render: { outputs: ["{externalId}.mp4"], target: "self", deliver: { field: "Video URL", as: "url" } },
    },
  };
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A stuck task: its age, and how many bytes its file has; null where there is none. */
interface Stuck {
  readonly id: string;
  readonly title: string;
  readonly age: number;
  readonly bytes: number | null;
  readonly fields?: FieldsJson;
}

const STUCK: readonly Stuck[] = [
  { id: "lost-webhook", title: "Autumn teaser", age: 12 * MINUTE, bytes: 8_412_336 },
  { id: "lost-webhook-too", title: "Autumn teaser, square", age: 14 * MINUTE, bytes: 7_120_004 },
  { id: "after-restart", title: "Product tour", age: 38 * MINUTE, bytes: 41_870_112 },
  { id: "never-rendered", title: "Product tour, subtitled", age: 95 * MINUTE, bytes: null },
  { id: "rendering-still", title: "Year in review", age: 22 * MINUTE, bytes: null },
  { id: "empty-file", title: "Outtakes", age: 31 * MINUTE, bytes: 0 },
  { id: "from-yesterday", title: "Trade fair loop", age: 30 * HOUR, bytes: 12_003_881 },
  {
    id: "has-a-link",
    title: "Interview",
    age: 47 * MINUTE,
    bytes: 19_220_450,
    fields: { "Video URL": "https://cdn.example.com/uploads/interview-final.mp4" },
  },
];

const FINISHED = 12;

/** Creates the base for the time `now`, in milliseconds since 1970: finished tasks, and one stuck task of every kind. */
export function seedRenders(now: number, storageUrl: string): Seed {
  const finished = Array.from({ length: FINISHED }, (_, n) => {
    const id = taskId(n);
    const fields = { Status: "Done", Title: `Episode ${n + 1}`, "Video URL": `${storageUrl}/${keyOf(id)}` };
    return {
      record: recordOf(`recRenderDone${pad(n)}`, id, now - (n + 2) * 5 * HOUR, fields),
      id,
      age: (n + 2) * 5 * HOUR,
    };
  });
  const failed = recordOf("recRenderError001", taskId(40), now - 26 * HOUR, {
    ...{ Status: "Error", Title: "Broken source", "Error Details": "ffmpeg: moov atom not found" },
  });
  const stuck = STUCK.map(({ id, title, age, fields }, n) => {
    return recordOf(`recRenderTask${pad(n)}`, id, now - age, { Status: "In progress", Title: title, ...fields });
  });
  const unsent = recordOf("recRenderNoId0001", null, now - 18 * MINUTE, { Status: "In progress", Title: "Not sent" });
  const objects = [
    ...finished.map(({ id, age }, n) => ({ id, bytes: 9_000_000 + n * 310_007, age: age - 3 * MINUTE })),
    ...STUCK.flatMap(({ id, bytes, age }) => (bytes === null ? [] : [{ id, bytes, age: age - 3 * MINUTE }])),
  ];
  return {
    tables: { [TABLE]: [...finished.map(({ record }) => record), failed, ...stuck, unsent] },
    objects: objects.map(({ id, bytes, age }) => ({
      key: keyOf(id),
      object: { bytes, contentType: "video/mp4", lastModified: wholeSecond(now - age) },
    })),
    webhook: null,
  };
}

function recordOf(id: string, task: string | null, createdAt: number, fields: FieldsJson): SeedRecord {
  const named = task === null ? {} : { "Task ID": task, "Source URL": `https://uploads.example.com/in/${task}.mov` };
  return { id, createdTime: new Date(wholeSecond(createdAt)).toISOString(), fields: { ...named, ...fields } };
}

function keyOf(id: string): string {
  return `renders/${id}.mp4`;
}

function taskId(n: number): string {
  return `task-${(0x5f3a10 + n * 0x2b3d).toString(16)}`;
}

function pad(n: number): string {
  return String(n + 1).padStart(4, "0");
}

function wholeSecond(at: number): number {
  return Math.floor(at / 1_000) * 1_000;
}
