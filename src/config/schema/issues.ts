import * as z from "zod";
import type { Problem } from "../problems.ts";
import { suggestSpelling } from "../suggest.ts";

/** Words for what zod found, with the value that was there and, for an unknown key, the keys that are allowed. */
export function problemsOf(error: z.ZodError, input: unknown, schema: z.ZodType): readonly Problem[] {
  return error.issues.flatMap(closestVariant).flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => unknownKey(key, issue.path, allowedKeys(schema, issue.path, input)));
    }
    const found = valueAt(input, issue.path);
    const expected = issue.message
      .replace(/^Invalid (?:(?:input|option): |discriminator value\. )/, "")
      .replace(/^Expected/, "expected")
      .replace(/, received .*$/, "");
    const shown = found === undefined ? "missing" : `found ${isSecret(issue.path) ? "a value" : show(found)}`;
    return [{ path: issue.path.join("."), message: `${shown}; ${expected}` }];
  });
}

/** Of the forms that a value may have, the one that was meant: whose kind of value was given. */
function closestVariant(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const form = issue.errors.find(
    (issues) => !issues.some(({ code, path }) => code === "invalid_type" && path.length === 0),
  );
  if (form === undefined) return [issue];
  return form.map((each) => ({ ...each, path: [...issue.path, ...each.path] })).flatMap(closestVariant);
}

function unknownKey(key: string, path: readonly PropertyKey[], allowed: readonly string[]): Problem {
  const guess = suggestSpelling(key, allowed);
  const suggestion = guess === null ? "" : `, did you mean "${guess}"?`;
  return {
    path: [...path, key].join("."),
    message: `unknown key${suggestion} Allowed here: ${allowed.join(", ")}`.replace("key Allowed", "key. Allowed"),
  };
}

function allowedKeys(schema: z.ZodType, path: readonly PropertyKey[], input: unknown): readonly string[] {
  let at: unknown = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  for (const step of path) {
    const properties = member(at, "properties");
    at = member(properties, String(step)) ?? member(at, "additionalProperties") ?? member(at, "items");
  }
  const properties = member(matchingVariant(at, valueAt(input, path)), "properties");
  return typeof properties === "object" && properties !== null ? Object.keys(properties) : [];
}

/** Of the forms that a value may take, the one whose fixed words it has. */
function matchingVariant(schema: unknown, value: unknown): unknown {
  const forms = member(schema, "oneOf");
  if (!Array.isArray(forms)) return schema;
  return forms.find((form: unknown) => {
    const properties = member(form, "properties");
    if (typeof properties !== "object" || properties === null) return false;
    return Object.entries(properties).every(([name, property]) => {
      const word = member(property, "const");
      return word === undefined || word === member(value, name);
    });
  });
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, step) => member(value, String(step)), input);
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

/** What is below these keys must not be shown, whatever is wrong with it. */
function isSecret(path: readonly PropertyKey[]): boolean {
  return path.includes("credentials");
}

function show(value: unknown): string {
  const text = JSON.stringify(value, (key, inner) => (key === "credentials" ? "…" : inner)) ?? String(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}
