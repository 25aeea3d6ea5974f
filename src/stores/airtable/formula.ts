import { isRecordId } from "../../core/domain/job.ts";
import type { Revisit } from "../../core/ports/ports.ts";

/** Returns a text as a literal of Airtable's formula language. */
export function quote(value: string): string {
  const escaped = value
    .replaceAll("\\", "\\\\")
    .replaceAll("'", "\\'")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return `'${escaped}'`;
}

/** Refers to a field by its name; ids do not work inside formulas. */
export function field(name: string): string {
  return `{${name.replaceAll("\\", "\\\\").replaceAll("}", "\\}")}}`;
}

/** Returns a time, in milliseconds since 1970, as a literal. */
export function timestamp(at: number): string {
  return quote(new Date(at).toISOString());
}

/** Holds where the field shows this text, also where it is a number, a lookup or a barcode. */
export function hasText(name: string, text: string): string {
  return `(${field(name)}&'')=${quote(text)}`;
}

export function and(...terms: readonly string[]): string {
  return joined("AND", terms);
}

export function or(...terms: readonly string[]): string {
  return joined("OR", terms);
}

function joined(name: string, terms: readonly string[]): string {
  const [only, ...others] = terms;
  return only !== undefined && others.length === 0 ? only : `${name}(${terms.join(",")})`;
}

/** Holds for the records with one of these ids. */
export function byIds(ids: readonly string[]): string {
  return or(...ids.map((id) => `RECORD_ID()=${quote(id)}`));
}

/** What the listing filters by. Field names, not ids. `startedAt` is null where ages count from the record's creation. */
export interface ListingFormula {
  readonly status: string;
  readonly externalId: string;
  readonly notes: string | null;
  readonly startedAt: string | null;
  readonly statuses: readonly string[];
  readonly before: number;
  readonly future: number;
  readonly after: number | null;
  readonly named: readonly string[] | null;
  readonly revisit: Revisit | null;
}

/** Filters for stuck jobs, and for finished ones to check again. It leaves out only what is certainly not needed. */
export function listing(wanted: ListingFormula): string {
  const stuck = [
    or(...wanted.statuses.map((status) => `${field(wanted.status)}=${quote(status)}`)),
    ...oldEnough(wanted),
  ];
  const branches = [and(...stuck), ...finishedJobsClause(wanted)];
  const all = or(...branches);
  return wanted.named === null ? all : and(all, or(...wanted.named.flatMap((name) => jobNameClause(wanted, name))));
}

/** A date field may be blank or hold no date, for which no comparison is true: the core decides about those. */
function oldEnough({ startedAt, before, future, after }: ListingFormula): readonly string[] {
  if (after !== null) {
    const dates = ["CREATED_TIME()", ...(startedAt === null ? [] : [field(startedAt)])];
    return [or(...dates.map((date) => `IS_AFTER(${date},${timestamp(after)})`))];
  }
  if (startedAt !== null) return [];
  return [or(`IS_BEFORE(CREATED_TIME(),${timestamp(before)})`, `IS_AFTER(CREATED_TIME(),${timestamp(future)})`)];
}

function finishedJobsClause({ status, notes, revisit }: ListingFormula): readonly string[] {
  if (revisit === null || notes === null) return [];
  const marked = (marks: readonly string[]) => or(...marks.map((mark) => `FIND(${quote(mark)},${field(notes)})>0`));
  const { completed, failed } = revisit;
  return [
    ...(completed === null ? [] : [and(`${field(status)}=${quote(completed.status)}`, marked(completed.notes))]),
    ...(failed === null
      ? []
      : [
          and(
            `${field(status)}=${quote(failed.status)}`,
            or(
              marked(failed.notes),
              and(`IS_AFTER(CREATED_TIME(),${timestamp(failed.undated.after)})`, marked(failed.undated.notes)),
            ),
          ),
        ]),
  ];
}

function jobNameClause({ externalId }: ListingFormula, name: string): readonly string[] {
  const byExternalId = hasText(externalId, name);
  return isRecordId(name) ? [`RECORD_ID()=${quote(name)}`, byExternalId] : [byExternalId];
}
