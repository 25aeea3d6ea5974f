import type { Settings } from "../config/settings.ts";
import { suggestSpelling } from "../config/suggest.ts";
import { groupBy } from "../core/domain/lists.ts";
import type { FieldSchema, TableSchema } from "../stores/airtable/metadata.ts";
import { type CheckResult, fail, pass, warn } from "./check-result.ts";
import { checkFieldType, typeInWords } from "./field-types.ts";
import { neededFields, neededOptions, neededTables, type Option, type RequiredField } from "./required-fields.ts";

/** Checks that the base has every table, field and select option that the configuration names, with a fitting type. */
export function checkSchema(settings: Settings, tables: readonly TableSchema[]): readonly CheckResult[] {
  return [
    ...checkTables(settings, tables),
    ...checkFields(neededFields(settings), tables),
    ...checkOptions(neededOptions(settings), tables),
  ];
}

function checkTables(settings: Settings, tables: readonly TableSchema[]): readonly CheckResult[] {
  const missing = byKey(neededTables(settings).filter(([, table]) => named(tables, table) === null));
  return missing.map(({ keys, name }) => {
    const names = tables.map((table) => table.name);
    const detail = `the base has no table "${name}"`;
    const next = `${remedy(keys, name, names, "tables")}${keys.includes("jobs.table") ? OR_INIT : ""}`;
    return fail("configuration", "schema.table", keys[0] ?? "", detail, next);
  });
}

/** Without the jobs' table, status or external id the configuration is for another base. */
const OR_INIT = " Or run stuck-jobs init, which writes a configuration for this base.";

/** Groups tables by name: a missing one is reported once for all its keys. */
function byKey(pairs: readonly (readonly [key: string, name: string])[]) {
  const groups = groupBy(pairs, ([, name]) => name);
  return [...groups].map(([name, own]) => ({ name, keys: own.map(([key]) => key) }));
}

function checkFields(needs: readonly RequiredField[], tables: readonly TableSchema[]): readonly CheckResult[] {
  const findings: CheckResult[] = [];
  const good = new Map<string, Set<string>>();
  for (const need of needs) {
    const table = named(tables, need.table);
    if (table === null) continue;
    const field = named(table.fields, need.field);
    const finding = field === null ? missingField(need, table) : unfitField(need, field, tables);
    if (finding !== null) findings.push(finding);
    else if (field !== null) good.set(table.name, (good.get(table.name) ?? new Set()).add(field.name));
  }
  const there = [...good].map(([table, fields]) => `${fields.size} of ${table}`);
  if (there.length > 0)
    findings.unshift(pass("schema.field", "fields", `found with fitting types: ${there.join(", ")}`));
  return findings;
}

function missingField(need: RequiredField, table: TableSchema): CheckResult | null {
  const names = table.fields.map(({ name }) => name);
  const detail = `the table "${table.name}" has no field "${need.field}"`;
  const orNull = need.optional ? " Or set it to null, if the base has none." : "";
  const orInit = ["jobs.fields.status", "jobs.fields.externalId"].includes(need.key) ? OR_INIT : "";
  const next = `${remedy([need.key], need.field, names, "fields")}${orNull}${orInit}`;
  if (!need.optionalInBase) return fail("configuration", "schema.field", need.key, detail, next);
  // A further link that the base lacks does no harm; only one that looks misspelled is reported.
  return suggestSpelling(need.field, names) === null ? null : warn("schema.field", need.key, detail, next);
}

function unfitField(need: RequiredField, field: FieldSchema, tables: readonly TableSchema[]): CheckResult | null {
  const found = checkFieldType(need.use, field, tables);
  if (found === null) return null;
  const linked = tables.find(({ id }) => id === field.linkedTableId);
  const type = linked === undefined ? typeInWords(field.type) : `a link to "${linked.name}"`;
  const detail = `"${field.name}" is ${type}; expected ${found.wanted}`;
  const next = `Change the field's type in Airtable, or name another field in ${need.key}.`;
  if (found.works) return warn("schema.type", need.key, detail, next);
  return fail("configuration", "schema.type", need.key, detail, next);
}

function checkOptions(options: readonly Option[], tables: readonly TableSchema[]): readonly CheckResult[] {
  const findings: CheckResult[] = [];
  let there = 0;
  for (const wanted of options) {
    const table = named(tables, wanted.table);
    const field = table === null ? null : named(table.fields, wanted.field);
    if (field === null || field.choices === null) continue;
    if (field.choices.includes(wanted.option)) there += 1;
    else findings.push(missingOption(wanted, field, field.choices));
  }
  if (there > 0) findings.unshift(pass("schema.option", "options", `all ${there} select options exist`));
  return findings;
}

function missingOption({ key, option, needed }: Option, field: FieldSchema, choices: readonly string[]): CheckResult {
  const detail = `"${field.name}" has no option "${option}"`;
  const next = remedy([key], option, choices, "options");
  if (needed) return fail("configuration", "schema.option", key, detail, next);
  return warn("schema.option", key, `${detail}, so no job has it`, next);
}

/** Finds a table or field by name or id, as Airtable does. */
function named<T extends { readonly id: string; readonly name: string }>(all: readonly T[], name: string): T | null {
  return all.find((each) => each.id === name || each.name === name) ?? null;
}

/** How many names a hint lists at most. */
const MOST_NAMES = 12;

function remedy(keys: readonly string[], name: string, names: readonly string[], kind: string): string {
  const guess = suggestSpelling(name, names);
  const where = keys.join(", ");
  if (guess !== null) return `Did you mean "${guess}"? Then set ${where} to it.`;
  const shown = names.slice(0, MOST_NAMES).map((each) => `"${each}"`);
  const rest = names.length > shown.length ? `, and ${names.length - shown.length} more` : "";
  return `Set ${where} to one of the existing ${kind}: ${shown.join(", ")}${rest}.`;
}
