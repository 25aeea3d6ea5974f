import { expect, it } from "vitest";
import { type Column, canMeet, canonicalId } from "../../src/database/catalogue.ts";

function columnOf(type: string): Column {
  const [sqlType, limits] = [`pg_catalog.${type}`, { labels: null, maxLength: null, notNull: false, computed: false }];
  return { name: type, sqlType, declaredType: sqlType, type, ...limits };
}

it.each([
  ["int8", "numeric", true],
  ["int4", "uuid", false],
  ["numeric", "uuid", false],
  ["float8", "uuid", false],
  ["jsonb", "uuid", false],
  ["jsonb", "int8", true],
  ["inet", "int8", false],
  ["interval", "uuid", false],
  ["_int8", "int8", false],
  ["text", "uuid", true],
  ["varchar", "int8", true],
])("a value of %s can be a key of %s: %s", (from, key, expected) => {
  expect(canMeet(columnOf(from), columnOf(key))).toBe(expected);
});

it.each([
  ["1.00", "int8", "1"],
  ["1.50", "int8", null],
  ["007", "int4", "7"],
  ["40000", "int2", null],
  ["1.00", "numeric", "1"],
  ["10.50", "numeric", "10.5"],
  ["100", "numeric", "100"],
  ["1.00", "text", "1.00"],
  ["AAAAAAAA111111111111111111111111", "uuid", "aaaaaaaa-1111-1111-1111-111111111111"],
])("the id %s of a column of %s is %s", (text, type, expected) => {
  expect(canonicalId(text, columnOf(type))).toBe(expected);
});
