import { nca } from "../config/presets/nca.ts";
import type { JobFields } from "../stores/airtable/api-records.ts";
import type { TableSchema } from "../stores/airtable/metadata.ts";
import { FIELD_KEYS, type FieldNames, type JobsTable, targetLinks } from "./jobs-table.ts";
import type { Proposal } from "./operations.ts";

/** The fields of a table as a sample of its jobs asks for them; null where the external id is not known. */
export function sampledFields({ table, fields }: JobsTable, tables: readonly TableSchema[]): JobFields | null {
  const { status, externalId, ...others } = fields;
  if (status === null || externalId === null) return null;
  const links = targetLinks(table, tables).map(({ field }) => [field, field] as const);
  return { ...others, status, externalId, ownId: null, startedAt: null, links: new Map(links) };
}

/** What is proposed for a base whose schema is not to be read: the names of the preset. */
export const PRESET_FIELDS: FieldNames = nca.jobs.fields;

/** What was found, for people: `status Status, type Type`. */
export function fieldsInWords(fields: FieldNames): string {
  return FIELD_KEYS.map((key) => `${key} ${fields[key] === null ? "(none)" : `"${fields[key]}"`}`).join(", ");
}

/** The proposal without some operations of the preset. */
export function withoutKnown({ known, unfit, open }: Proposal, refused: readonly string[]): Proposal {
  return {
    known: new Map([...known].filter(([name]) => !refused.includes(name))),
    unfit: [...unfit, ...refused],
    open,
  };
}
