import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isList, type Json } from "../../src/sandbox/airtable/cells.ts";
import { readState, type SandboxState } from "../../src/sandbox/state.ts";

export const STATE = ".stuck-jobs-sandbox.json";

export function stateIn(folder: string): SandboxState {
  const state = readState(join(folder, STATE));
  if (state === null) throw new Error(`no sandbox in ${folder}`);
  return state;
}

/** Gives a folder a sandbox with these of the jobs in it, and all that were finished before. */
export function startFrom(folder: string, state: SandboxState, keep: (id: string, status: unknown) => boolean): void {
  const jobs = (state.base.tables.Jobs ?? []).filter(({ id, fields }) => keep(id, fields.Status));
  const base = { ...state.base, tables: { ...state.base.tables, Jobs: jobs } };
  writeFileSync(join(folder, STATE), JSON.stringify({ ...state, base, webhookPending: false }));
}

/** All records by id, a cell a line, but for what differs from run to run: run ids, times, ports, attachment ids, and which output of several stood for those that are there. */
export function aftermathOf({ base, storageUrl }: SandboxState): ReadonlyMap<string, readonly string[]> {
  return new Map(
    Object.values(base.tables).flatMap((records) =>
      records.map(({ id, fields }): [string, readonly string[]] => [
        id,
        Object.entries(fields)
          .map(([name, cell]) => `${name}: ${plain(cell, storageUrl)}`)
          .sort(),
      ]),
    ),
  );
}

function plain(cell: Json, storageUrl: string): string {
  const files = filesIn(cell);
  if (files.length > 0) return files.join(", ");
  return JSON.stringify(cell)
    .replaceAll(storageUrl, "{storageUrl}")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "{time}")
    .replace(/after \d+ minutes/g, "after {n} minutes")
    .replace(/the known \S+/g, "the known {output}")
    .replace(/attachment att\w+/g, "attachment {id}")
    .replace(/(run |"run_id\\":\\")[0-9a-f-]{36}/g, "$1{run}");
}

/** The names of the files in an attachment cell. */
function filesIn(cell: Json | undefined): readonly string[] {
  if (cell === undefined || !isList(cell)) return [];
  return cell.flatMap((file) =>
    typeof file === "object" && file !== null && "filename" in file ? [String(file.filename)] : [],
  );
}

/** What is otherwise than it is to be: a line for each record. */
export function differences(
  found: ReadonlyMap<string, readonly string[]>,
  expected: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  return [...expected].flatMap(([id, cells]) => {
    const now = found.get(id) ?? [];
    const more = now.filter((cell) => !cells.includes(cell)).map((cell) => `+ ${cell}`);
    const less = cells.filter((cell) => !now.includes(cell)).map((cell) => `- ${cell}`);
    return more.length + less.length === 0 ? [] : [`${id} ${[...more, ...less].join(" ")}`];
  });
}

const NOTED = /^(Completed|Failed|Delivery \w+) via polling at /;

/**
 * What must not be, whatever happened: a job of `withOutput` that is failed, one that is completed without a file in
 * its target (`targets`), a file or a note twice.
 */
export function violations(
  state: SandboxState,
  targets: ReadonlyMap<string, readonly [table: string, id: string, field: string]>,
): readonly string[] {
  const records = Object.values(state.base.tables).flat();
  const twice = (list: readonly string[]) => list.filter((each, index) => list.indexOf(each) !== index);
  return records.flatMap(({ id, fields }) => {
    const found: string[] = [];
    const notes = String(fields.Notes ?? "")
      .split("\n")
      .flatMap((line) => NOTED.exec(line)?.[1] ?? []);
    if (twice(notes).length > 0) found.push(`${id} is noted twice: ${fields.Notes}`);
    for (const [name, cell] of Object.entries(fields)) {
      if (twice(filesIn(cell)).length > 0) found.push(`${id} holds a file twice in ${name}`);
    }
    const target = targets.get(id);
    if (target === undefined) return found;
    const [table, targetId, field] = target;
    const cell = state.base.tables[table]?.find((record) => record.id === targetId)?.fields[field];
    if (fields.Status === "failed") found.push(`${id} is failed, and has an output`);
    if (fields.Status === "completed" && filesIn(cell).length === 0) found.push(`${id} is completed without a file`);
    return found;
  });
}
