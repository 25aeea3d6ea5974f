import type { Content } from "../../database/catalogue.ts";
import type { TableName } from "../../database/identifiers.ts";

/** Where the configuration says that jobs and their targets are; columns that it leaves out are null. */
export interface StoreOptions {
  readonly jobs: {
    readonly table: TableName;
    /** The column that names one job. */
    readonly id: string;
    readonly fields: JobColumns;
    readonly stuckStatuses: readonly string[];
    readonly completedStatus: string;
    readonly failedStatus: string;
  };
  /** Columns of a job that name its target. */
  readonly links: readonly string[];
  /** Further columns of a job: those that names of outputs contain, and the one with its output's URL. */
  readonly furtherFields: readonly string[];
  readonly targets: readonly TargetTable[];
}

/** Returns the columns of jobs that the configuration names, each once. */
export function namedColumns({ jobs: { id, fields }, links, furtherFields }: StoreOptions): readonly string[] {
  const named = [id, ...Object.values(fields), ...links, ...furtherFields].filter((name) => name !== null);
  return [...new Set(named)];
}

/** What is written to the columns of a job, by their keys in `jobs.fields`. */
export const WRITTEN: ReadonlyMap<string, Content> = new Map<string, Content>([
  ["status", "value"],
  ["responsePayload", "json"],
  ["error", "text"],
  ["notes", "text"],
]);

/** The columns of the jobs' table, by what they hold. */
export interface JobColumns {
  readonly status: string;
  readonly externalId: string;
  readonly startedAt: string;
  readonly ownId: string | null;
  readonly type: string | null;
  readonly requestPayload: string | null;
  readonly responsePayload: string | null;
  readonly webhookUrl: string | null;
  readonly error: string | null;
  readonly notes: string | null;
  /** Only the jobs' history asks for it. */
  readonly completedAt: string | null;
}

/** A table whose rows receive outputs, by the name that operations call it. */
export interface TargetTable {
  readonly label: string;
  readonly table: TableName;
  readonly key: string;
  /** The columns of a job that hold the key. */
  readonly from: readonly string[];
  /** Fields that are no column of their name: where they are. */
  readonly fields: ReadonlyMap<string, FieldPlace>;
  /** The fields that are written, and with what. */
  readonly written: readonly { readonly field: string; readonly content: Content }[];
  /** The values that are the same for every job. */
  readonly values: readonly { readonly field: string; readonly value: string }[];
}

/** A column, or a place inside its jsonb. */
export interface FieldPlace {
  readonly column: string;
  /** Empty for the whole column. */
  readonly path: readonly string[];
}
