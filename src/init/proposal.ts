import { nca } from "../config/presets/nca.ts";
import type { JobFields } from "../stores/airtable/api-records.ts";
import type { TableSchema } from "../stores/airtable/metadata.ts";
import { FIELD_KEYS, type FieldNames, type JobsTable, targetLinks } from "./jobs-table.ts";
import type { Proposal } from "./operations.ts";

/** Returns the fields to read for a sample of the jobs; null where the external id is not known. */
export function sampledFields({ table, fields }: JobsTable, tables: readonly TableSchema[]): JobFields | null {
  const { status, externalId, ...others } = fields;
  if (status === null || externalId === null) return null;
  const links = targetLinks(table, tables).map(({ field }) => [field, field] as const);
  return { ...others, status, externalId, ownId: null, startedAt: null, links: new Map(links), inNames: new Map() };
}

/** The fields that are proposed for a base whose schema cannot be read: those of the preset. */
export const PRESET_FIELDS: FieldNames = nca.jobs.fields;

/** Formats the fields that were found: `status "Status", type "Type"`. */
export function formatFields(fields: FieldNames): string {
  return FIELD_KEYS.map((key) => `${key} ${fields[key] === null ? "(none)" : `"${fields[key]}"`}`).join(", ");
}

/** Returns the proposal without some operations of the preset. */
export function withoutKnown({ known, notApplicable, incomplete }: Proposal, refused: readonly string[]): Proposal {
  return {
    known: new Map([...known].filter(([name]) => !refused.includes(name))),
    notApplicable: [...notApplicable, ...refused],
    incomplete,
  };
}
