import type { Json } from "../../src/sandbox/airtable/cells.ts";
import { HOUR } from "../support/builders.ts";
import { START } from "./scenario.ts";

/** A record that is none of the tool's business, as it has to be in the end. */
export interface Bystander {
  readonly table: "Jobs" | "Segments";
  readonly id: string;
  readonly createdTime: string;
  readonly fields: Readonly<Record<string, Json>>;
  /** A file that is in the bucket. */
  readonly output: string | null;
}

const FILE = { id: "attBystander00001", url: "https://airtable.example/b", filename: "theirs.mp4", size: 7 };

/** Jobs that are stuck and cannot be helped, jobs that others have closed, and targets of nobody. */
export const BYSTANDERS: readonly Bystander[] = [
  job(1, { Status: "failed", "Error Details": "ffmpeg died" }),
  job(2, { Status: "completed", Notes: "by hand" }),
  job(3, { Status: "webhook_error" }),
  job(4, { Status: "pending" }),
  job(5, { "External Job ID": "" }),
  job(6, { "Request Payload": "{'segment_id': datetime(2026)}" }),
  job(7, { Type: "mystery" }),
  job(8, { "Request Payload": "{}" }),
  job(9, { "Request Payload": "{'segment_id': 'recBySegs00000001', 'record_id': 'recBySegs00000002'}" }),
  segment(1, { "Voiceover + Video": [FILE], Status: "combined" }),
  segment(2, {}),
];

function job(n: number, fields: Readonly<Record<string, Json>>): Bystander {
  const externalId = `by-${n}`;
  return {
    table: "Jobs",
    id: `recByJobs0000000${n}`,
    createdTime: created(n),
    fields: {
      Status: "processing",
      Type: "combine",
      "External Job ID": externalId,
      "Request Payload": "{'segment_id': 'recBySegs00000002'}",
      ...fields,
    },
    output: `${externalId}_output_0.mp4`,
  };
}

function segment(n: number, fields: Readonly<Record<string, Json>>): Bystander {
  return { table: "Segments", id: `recBySegs0000000${n}`, createdTime: created(n), fields, output: null };
}

/** All are past the hour, and some past the day. */
function created(n: number): string {
  return new Date(START - n * 5 * HOUR).toISOString();
}
