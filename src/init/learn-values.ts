import type { FieldSchema, TableSchema } from "../stores/airtable/metadata.ts";
import { parseText } from "../stores/airtable/parse-records.ts";
import type { FieldNames } from "./jobs-table.ts";
import type { DeliveryOption, RecordsByRoute } from "./learn-delivery.ts";
import type { SampleRecord } from "./source.ts";

/** Values for `set`, by the fields that get them. */
export type LearnedValues = Readonly<Record<string, string | number | boolean>>;

/** From fewer records nothing is concluded. */
const ENOUGH = 3;

/** Types of fields whose value says how far something has come. */
const TYPES = ["singleSelect", "singleLineText", "checkbox", "number"];

/** The name of a date that is written when the work is done. */
const ENDED = /(complet|finish|end|deliver|render|generat|process|ready|done)[a-z]*[_ ]?(at|on|date|time)$/i;

/**
 * Learns what the record that receives an output holds beside it once its job has ended: a value that all of them share,
 * and that none has whose job is still running; the time for a date that is blank until then.
 */
export function learnValues(
  jobs: TableSchema,
  names: FieldNames,
  { route, field }: DeliveryOption,
  records: { readonly running: RecordsByRoute; readonly finished: RecordsByRoute },
): LearnedValues {
  const finished = records.finished.get(route) ?? [];
  const running = records.running.get(route) ?? [];
  if (finished.length < ENOUGH || running.length === 0) return {};
  const taken = [field, ...(route === null ? Object.values(names) : [])];
  const found = (route?.table ?? jobs).fields
    .filter(({ name }) => !taken.includes(name))
    .flatMap((each) => {
      const value = endValue(each, finished, running);
      return value === null ? [] : [[each.name, value] as const];
    });
  return Object.fromEntries(found);
}

function endValue(
  { name, type }: FieldSchema,
  finished: readonly SampleRecord[],
  running: readonly SampleRecord[],
): string | number | boolean | null {
  const cells = (of: readonly SampleRecord[]) => of.map(({ fields }) => parseText(fields[name]));
  const [after, before] = [cells(finished), cells(running)];
  if (type === "dateTime") {
    const isWritten = after.every((cell) => cell !== "") && before.every((cell) => cell === "");
    return isWritten && ENDED.test(name) ? "{now}" : null;
  }
  const [value = ""] = after;
  const isShared = after.every((cell) => cell === value) && !before.includes(value);
  // Braces would be a placeholder.
  if (!TYPES.includes(type) || value === "" || !isShared || /[{}]/.test(value)) return null;
  if (type === "checkbox") return value === "true";
  return type === "number" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
