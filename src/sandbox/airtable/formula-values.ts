/** What a cell, or a part of a formula, can hold. */
export type Value = string | number | boolean | Date | null | FormulaErrorValue | readonly Value[];

/** A record as formulas see it. Blank cells are absent or null. */
export interface FormulaRecord {
  readonly id: string;
  /** ISO 8601. */
  readonly createdTime: string;
  readonly fields: Readonly<Record<string, Value | undefined>>;
}

/** The formula itself is wrong, or more than the sandbox knows. */
export class FormulaError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FormulaError";
  }
}

/** Airtable's `#ERROR!`: it travels up through whatever uses it. */
export class FormulaErrorValue {}

export const FORMULA_ERROR = new FormulaErrorValue();

export function isTrue(value: Value): boolean {
  if (value === null || value === "" || value === 0 || value === false) return false;
  return !Array.isArray(value) || value.length > 0;
}

/** As text; lists as their items with commas between them. */
export function joined(value: Value): string {
  if (value === null || value instanceof FormulaErrorValue) return "";
  if (value instanceof Date) return value.toISOString();
  return Array.isArray(value) ? value.map(joined).join(", ") : String(value);
}

export function numberOf(value: Value): number | FormulaErrorValue {
  if (value === null || value === "") return 0;
  if (value instanceof FormulaErrorValue) return value;
  if (value instanceof Date) return value.getTime();
  const number = typeof value === "string" || Array.isArray(value) ? Number(joined(value)) : Number(value);
  return Number.isNaN(number) ? FORMULA_ERROR : number;
}

export function dateOf(value: Value): Date | FormulaErrorValue {
  if (value instanceof Date || value instanceof FormulaErrorValue) return value;
  const at = Date.parse(joined(value));
  return Number.isNaN(at) ? FORMULA_ERROR : new Date(at);
}

/** Below, at or above 0. A blank equals the empty text, and 0 where the other side is a number. */
export function compare(left: Value, right: Value): number {
  if (typeof left === "number" || typeof right === "number" || left instanceof Date || right instanceof Date) {
    const [a, b] = [numberOf(left instanceof Date ? left.getTime() : left), numberOf(right)];
    return a instanceof FormulaErrorValue || b instanceof FormulaErrorValue ? Number.NaN : a - b;
  }
  if (typeof left === "boolean" || typeof right === "boolean") return Number(isTrue(left)) - Number(isTrue(right));
  const [a, b] = [joined(left), joined(right)];
  return a === b ? 0 : a < b ? -1 : 1;
}
