import type { FieldSchema, TableSchema } from "../stores/airtable/metadata.ts";

/** What a field is used for. */
export type Use =
  | { readonly kind: "status" }
  /** Read as a text. */
  | { readonly kind: "read" }
  /** Written: texts with line breaks. */
  | { readonly kind: "long-text" }
  /** Read and written. */
  | { readonly kind: "date" }
  /** The date from which a job's age counts. */
  | { readonly kind: "start" }
  | { readonly kind: "attachment" }
  /** Written with a URL. */
  | { readonly kind: "url" }
  | { readonly kind: "link"; readonly to: string }
  /** Written with a value of the operation's `set`. */
  | { readonly kind: "set"; readonly value: string | number | boolean };

/** Why a field does not fit its use; null where it does. `works`: it can be used all the same. `wanted` is shown. */
export type Misfit = { readonly works: boolean; readonly wanted: string } | null;

const SELECTS = ["singleSelect"];
const SHORT_TEXTS = ["singleLineText", "email", "phoneNumber", "url", "barcode"];
const LONG_TEXTS = ["multilineText", "richText"];
const TEXTS = [...SHORT_TEXTS, ...LONG_TEXTS];
const COMPUTED = ["formula", "rollup", "multipleLookupValues", "externalSyncSource", "aiText"];
const NUMBERS = ["number", "currency", "percent", "duration", "rating", "autoNumber", "count"];
const DATES = ["date", "dateTime", "createdTime", "lastModifiedTime"];

/** Checks whether a field's type fits its use. The types are those of Airtable's field model. */
export function checkFieldType(
  use: Use,
  { type, resultType, linkedTableId }: FieldSchema,
  tables: readonly TableSchema[],
): Misfit {
  switch (use.kind) {
    case "status":
      return verdict([...SELECTS, ...TEXTS].includes(type), "a single select, or a text");
    case "read":
      return verdict([...SELECTS, ...TEXTS, ...COMPUTED, ...NUMBERS].includes(type), "a text, a select or a formula");
    case "long-text":
      if (type === "multilineText") return null;
      return { works: TEXTS.includes(type), wanted: "a long text, without rich text formatting" };
    case "date":
      return verdict(DATES.includes(type) || (resultType !== null && DATES.includes(resultType)), "a date");
    case "start":
      return checkStart(resultType !== null && DATES.includes(resultType) ? resultType : type);
    case "url":
      return verdict(["url", "singleLineText", ...LONG_TEXTS].includes(type), "a URL or a text field");
    case "attachment":
      return verdict(type === "multipleAttachments", "an attachment field");
    case "link": {
      const to = tables.find(({ id, name }) => id === use.to || name === use.to);
      // A text or a lookup may hold the record's id: it is read, never written.
      if (type !== "multipleRecordLinks") return verdict([...TEXTS, ...COMPUTED].includes(type), linkTo(use.to));
      return verdict(to === undefined || linkedTableId === null || linkedTableId === to.id, linkTo(use.to));
    }
    case "set":
      return settable(use.value, type);
  }
}

/** Any edit renews a last-modified time, and a date without a time leaves open when in a day a job began. */
function checkStart(type: string): Misfit {
  switch (type) {
    case "date":
      return {
        works: true,
        wanted: "a date with a time: without one a job is failed only after the end of its day in UTC",
      };
    case "lastModifiedTime":
      return { works: true, wanted: "a date that is set when the job is sent: this one changes with every edit" };
    default:
      return verdict(DATES.includes(type), "a date");
  }
}

function linkTo(table: string): string {
  return `a link to "${table}"`;
}

const PLACEHOLDER = /\{(?:url|externalId|bytes|now)\}/;

/** Whether a configured value has placeholders that are replaced when it is written. */
export function isTemplate(value: string | number | boolean): boolean {
  return typeof value === "string" && PLACEHOLDER.test(value);
}

function settable(value: string | number | boolean, type: string): Misfit {
  if (value === "{bytes}") return verdict([...NUMBERS, ...TEXTS].includes(type), "a number or a text, for {bytes}");
  switch (typeof value) {
    case "boolean":
      return verdict(type === "checkbox", `a checkbox, for ${value}`);
    case "number":
      return verdict(["number", "currency", "percent", "duration", "rating"].includes(type), `a number, for ${value}`);
    default:
      return verdict([...SELECTS, ...TEXTS, "date", "dateTime"].includes(type), `a select or a text, for "${value}"`);
  }
}

function verdict(fits: boolean, wanted: string): Misfit {
  return fits ? null : { works: false, wanted };
}

/** Returns the name of a field type in Airtable's menus. */
export function typeInWords(type: string): string {
  return WORDS[type] ?? type;
}

const WORDS: Readonly<Record<string, string>> = {
  singleSelect: "a single select",
  multipleSelects: "a multiple select",
  singleLineText: "a single line text",
  multilineText: "a long text",
  richText: "a long text with rich text formatting",
  multipleAttachments: "an attachment field",
  multipleRecordLinks: "a link to another table",
  multipleLookupValues: "a lookup",
  checkbox: "a checkbox",
  formula: "a formula",
  rollup: "a rollup",
  number: "a number",
  autoNumber: "an autonumber",
  date: "a date",
  dateTime: "a date and time",
  url: "a URL",
};
