import type { FieldSchema, TableSchema } from "../stores/airtable/metadata.ts";
import { isFilledAt } from "./json-columns.ts";
import { isNamedBy } from "./learn-fields.ts";
import type { FinishedJob } from "./learn-outputs.ts";
import type { NamedFile } from "./named-files.ts";
import type { Route } from "./routes.ts";
import type { SampleRecord } from "./source.ts";

/** A field that may receive the file. `route` is null for a field of the job itself. */
export interface DeliveryOption {
  readonly route: Route | null;
  readonly field: string;
  /** Where in a JSON column the URL goes; empty for the field itself. */
  readonly path: readonly string[];
  readonly as: "attachment" | "url";
  /** In how many finished jobs it holds the file. */
  readonly hits: number;
  /** Whether it is filled before a job has ended, or blank after it: then it is no place for outputs. */
  readonly isOther: boolean;
}

/** The records on each route from some jobs; null: the jobs themselves. */
export type RecordsByRoute = ReadonlyMap<Route | null, readonly SampleRecord[]>;

/** Types of fields that can hold the URL of a file. Of these only the first is one by its type alone. */
const URL_TYPES = ["url", "singleLineText", "multilineText", "richText"];

/** Returns the fields that hold the files of finished jobs, or could. The job's own and those of its targets. */
export function deliveryOptions(
  jobs: TableSchema,
  routes: readonly Route[],
  finished: readonly FinishedJob[],
  records: { readonly running: RecordsByRoute; readonly finished: RecordsByRoute },
): readonly DeliveryOption[] {
  return [null, ...routes].flatMap((route) => {
    const { fields } = route?.table ?? jobs;
    const via = route?.name ?? null;
    const option = (field: string, path: readonly string[], as: DeliveryOption["as"]): DeliveryOption => {
      const place = { field, via, path };
      const hits = finished.filter(({ externalId, files }) =>
        files.some((file) => file.as === as && isSamePlace(file, place) && isNamedBy(file, externalId)),
      ).length;
      const before = shareFilled(records.running.get(route) ?? [], field, path);
      const after = shareFilled(records.finished.get(route) ?? [], field, path);
      return { route, field, path, as, hits, isOther: (before ?? 0) > 0.5 || (after ?? 1) < 0.5 };
    };
    const whole = fields.flatMap((field): readonly DeliveryOption[] => {
      const as = formOf(field);
      if (as === null) return [];
      const found = option(field.name, [], as);
      return found.hits > 0 || field.type === "multipleAttachments" || field.type === "url" ? [found] : [];
    });
    const placed = finished.flatMap(({ files }) => files.filter((file) => file.via === via && file.path.length > 0));
    const places = placed.filter((file, n) => placed.findIndex((each) => isSamePlace(each, file)) === n);
    // A column of its own is taken before a place within one.
    return [...whole, ...places.map(({ field, path }) => option(field, path, "url")).filter(({ hits }) => hits > 0)];
  });
}

type Place = Pick<NamedFile, "field" | "via" | "path">;

/** Whether two files, or a file and an option, are in the same place. */
export function isSamePlace(one: Place, other: Place): boolean {
  return one.field === other.field && one.via === other.via && JSON.stringify(one.path) === JSON.stringify(other.path);
}

function formOf({ type }: FieldSchema): DeliveryOption["as"] | null {
  if (type === "multipleAttachments") return "attachment";
  return URL_TYPES.includes(type) ? "url" : null;
}

/** Returns the share of records whose field, or the place in it, is filled; null without records. */
function shareFilled(records: readonly SampleRecord[], field: string, path: readonly string[]): number | null {
  if (records.length === 0) return null;
  return records.filter(({ fields }) => isFilledAt(fields[field], path)).length / records.length;
}

/** A field with nearly as many hits as the best: of two that hold the file the more fitting is taken. */
const NEARLY = 0.8;

/**
 * Chooses the field that receives the file: one that holds the files of finished jobs, a target's before the job's own;
 * else the only one that could. `none` where the base has no such field; null where a person has to choose.
 */
export function chooseDelivery(options: readonly DeliveryOption[]): DeliveryOption | "none" | null {
  const holding = options.filter(({ hits, isOther }) => hits > 0 && !isOther);
  if (holding.length > 0) {
    const most = Math.max(...holding.map(({ hits }) => hits));
    const best = holding.filter(({ hits }) => hits >= NEARLY * most);
    return (
      best.find(({ route, as }) => route !== null && as === "attachment") ?? best.find(isOfTarget) ?? best[0] ?? null
    );
  }
  for (const as of ["attachment", "url"]) {
    const fitting = distinct(options.filter((option) => option.as === as && !option.isOther));
    const [only, ...others] = fitting;
    if (only !== undefined) return others.length === 0 ? only : null;
  }
  return "none";
}

function isOfTarget({ route }: DeliveryOption): boolean {
  return route !== null;
}

/** Two routes may lead to one field. */
function distinct(options: readonly DeliveryOption[]): readonly DeliveryOption[] {
  const placeOf = ({ route, field, path }: DeliveryOption) => [route?.table.id ?? "", field, ...path].join("\n");
  return options.filter((option, n) => options.findIndex((each) => placeOf(each) === placeOf(option)) === n);
}

/** The field that a person names, or the fields that they could have named. */
export type NamedOption =
  | { readonly kind: "option"; readonly option: DeliveryOption }
  | { readonly kind: "unknown"; readonly fields: readonly string[] };

/** Finds the field that receives the file by its name: one of the options, else any on one of the routes. */
export function namedOption(
  name: string,
  options: readonly DeliveryOption[],
  routes: readonly (Route | null)[],
  jobs: TableSchema,
): NamedOption {
  const known = options.find(({ field }) => field === name);
  if (known !== undefined) return { kind: "option", option: known };
  const places = routes.map((route) => ({ route, fields: (route?.table ?? jobs).fields }));
  for (const { route, fields } of places) {
    const field = fields.find((each) => each.name === name || each.id === name);
    const as = field === undefined ? null : formOf(field);
    if (field === undefined || as === null) continue;
    return { kind: "option", option: { route, field: field.name, path: [], as, hits: 0, isOther: false } };
  }
  const fitting = places.flatMap(({ fields }) => fields.filter((field) => formOf(field) !== null));
  return { kind: "unknown", fields: [...new Set(fitting.map((field) => field.name))] };
}

/** Returns a field that no record of the sample has filled, by what its name says that it holds. */
export function unseenOption(field: string, route: Route | null): DeliveryOption {
  const as = /\b(url|link|href)\b/i.test(field) ? "url" : "attachment";
  return { route, field, path: [], as, hits: 0, isOther: false };
}
