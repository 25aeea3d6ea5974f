import type { Operation } from "../../src/core/domain/operation.ts";
import { COMBINE, CONCATENATE, named } from "../support/builders.ts";

/** An operation as the simulation knows it, and as the configuration has it. */
interface SimOperation {
  readonly table: "Segments" | "Videos";
  readonly field: string;
  /** The status that the target gets with the file; null: none. */
  readonly set: string | null;
  /** The alternatives among the names of its output, each the files that have to be there together. */
  names(externalId: string): readonly (readonly string[])[];
  readonly configured: Operation;
}

const ZOOM: Operation = {
  ...COMBINE,
  name: "zoom",
  types: ["zoom"],
  attachment: "Video",
  deliver: { field: "Video", as: "attachment" },
  set: { Status: "Video Ready" },
};

const PARTS = ["{externalId}_part_0.mp4", "{externalId}_part_1.mp4"];

const SPLIT: Operation = {
  ...CONCATENATE,
  name: "split",
  types: ["split"],
  outputs: PARTS.map((pattern) => ({ ...named(pattern), all: true })),
  attachment: "Video + Music",
  deliver: { field: "Video + Music", as: "attachment" },
};

/** Two on segments, each with a status of its own, and two on videos, one of them with an output in two files. */
export const OPERATIONS = {
  combine: {
    table: "Segments",
    field: "Voiceover + Video",
    set: "combined",
    names: (id) => [[`${id}_output_0.mp4`]],
    configured: COMBINE,
  },
  zoom: {
    table: "Segments",
    field: "Video",
    set: "Video Ready",
    names: (id) => [[`${id}_output_0.mp4`]],
    configured: ZOOM,
  },
  concatenate: {
    table: "Videos",
    field: "Combined Segments Video",
    set: null,
    names: (id) => [[`${id}.mp4`], [`${id}_output_0.mp4`]],
    configured: CONCATENATE,
  },
  split: {
    table: "Videos",
    field: "Video + Music",
    set: null,
    names: (id) => [[`${id}_part_0.mp4`, `${id}_part_1.mp4`]],
    configured: SPLIT,
  },
} as const satisfies Readonly<Record<string, SimOperation>>;

export type OperationName = keyof typeof OPERATIONS;

export const OPERATION_NAMES: readonly [OperationName, ...OperationName[]] = [
  "combine",
  "zoom",
  "concatenate",
  "split",
];

/** Returns the operation that a Type names. */
export function operationNamed(type: string): OperationName {
  return OPERATION_NAMES.find((name) => name === type) ?? "combine";
}

/** Returns all files of the output of which this is the first. */
export function filesWith(key: string): readonly string[] {
  return key.endsWith("_part_0.mp4") ? [key, key.replace("_part_0.mp4", "_part_1.mp4")] : [key];
}
