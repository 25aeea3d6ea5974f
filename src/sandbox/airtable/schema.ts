import * as z from "zod";

// Loose: the schema endpoint returns the whole schema, not only what is read here.
const field = z.looseObject({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  options: z
    .looseObject({
      choices: z.array(z.looseObject({ name: z.string() })).optional(),
      linkedTableId: z.string().optional(),
      /** The fields that a last-modified time watches; absent or empty: all. */
      referencedFieldIds: z.array(z.string()).optional(),
    })
    .optional(),
});

const table = z.looseObject({ id: z.string(), name: z.string(), primaryFieldId: z.string(), fields: z.array(field) });

const schema = z.looseObject({ tables: z.array(table) });

export type Field = z.output<typeof field>;
export type TableSchema = z.output<typeof table>;
/** A base's tables and fields, in the shape of Airtable's schema endpoint. */
export type BaseSchema = z.output<typeof schema>;

/** @throws ZodError */
export function parseSchema(value: unknown): BaseSchema {
  return schema.parse(value);
}
