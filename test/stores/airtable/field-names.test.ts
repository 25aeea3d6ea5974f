import { expect, it } from "vitest";
import { UpstreamError } from "../../../src/core/ports/errors.ts";
import { createFieldNames } from "../../../src/stores/airtable/field-names.ts";
import { parseTables } from "../../../src/stores/airtable/metadata.ts";

const never = new AbortController().signal;
const STATUS = "fldqxdYmcyYNL1PFz";
const SCHEMA = parseTables({
  tables: [{ id: "tblEjYfRwCztHOF5G", name: "Jobs", fields: [{ id: STATUS, name: "Status" }] }],
});

it.each(["Jobs", "tblEjYfRwCztHOF5G"])(
  "finds the name of a field id in the schema, for a table given as %s",
  async (table) => {
    const nameOf = await createFieldNames([[table, STATUS]], async () => SCHEMA).resolve(never);
    expect(nameOf(table, STATUS)).toBe("Status");
    expect(nameOf(table, "Notes")).toBe("Notes");
  },
);

it("reads the schema once, and not at all where no field id is configured", async () => {
  let asked = 0;
  const read = async () => {
    asked += 1;
    return SCHEMA;
  };
  await createFieldNames([["Jobs", "Status"]], read).resolve(never);
  expect(asked).toBe(0);
  const names = createFieldNames([["Jobs", STATUS]], read);
  await names.resolve(never);
  await names.resolve(never);
  expect(asked).toBe(1);
});

it("reports an id that the table does not have as a configuration error", async () => {
  const names = createFieldNames([["Jobs", "fldXXXXXXXXXXXXXX"]], async () => SCHEMA);
  await expect(names.resolve(never)).rejects.toMatchObject({
    code: "config",
    message: expect.stringContaining("fldXXXXXXXXXXXXXX"),
  });
});

it("says which scope is missing when the schema may not be read", async () => {
  const names = createFieldNames([["Jobs", STATUS]], async () => {
    throw new UpstreamError("auth", "Airtable refused the base's schema: HTTP 403");
  });
  await expect(names.resolve(never)).rejects.toMatchObject({
    code: "auth",
    hint: expect.stringContaining("schema.bases:read"),
  });
});
