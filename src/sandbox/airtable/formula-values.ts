/** The value of a cell or of a part of a formula. */
export type Value = string | number | boolean | Date | null | FormulaErrorValue | readonly Value[];

/** A record, for formulas. Blank cells are absent or null. */
export interface FormulaRecord {
  readonly id: string;
  /** ISO 8601. */
  readonly createdTime: string;
  readonly fields: Readonly<Record<string, Value | undefined>>;
}

/** The formula is invalid, or uses something that the sandbox does not support. */
export class FormulaError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FormulaError";
  }
}

/** Airtable's `#ERROR!`: the result of every expression that uses it is an error too. */
export class FormulaErrorValue {}

export const FORMULA_ERROR = new FormulaErrorValue();

export function isTrue(value: Value): boolean {
  if (value === null || value === "" || value === 0 || value === false) return false;
  return !Array.isArray(value) || value.length > 0;
}

/** Converts a value to text; the items of a list are toText by commas. */
export function toText(value: Value): string {
  if (value === null || value instanceof FormulaErrorValue) return "";
  if (value instanceof Date) return value.toISOString();
  return Array.isArray(value) ? value.map(toText).join(", ") : String(value);
}

export function toNumber(value: Value): number | FormulaErrorValue {
  if (value === null || value === "") return 0;
  if (value instanceof FormulaErrorValue) return value;
  if (value instanceof Date) return value.getTime();
  const number = typeof value === "string" || Array.isArray(value) ? Number(toText(value)) : Number(value);
  return Number.isNaN(number) ? FORMULA_ERROR : number;
}

export function toDate(value: Value): Date | FormulaErrorValue {
  if (value instanceof Date || value instanceof FormulaErrorValue) return value;
  const at = Date.parse(toText(value));
  return Number.isNaN(at) ? FORMULA_ERROR : new Date(at);
}

/** Returns a number below, at or above 0. A blank equals the empty text, and 0 where the other side is a number. */
export function compare(left: Value, right: Value): number {
  if (typeof left === "number" || typeof right === "number" || left instanceof Date || right instanceof Date) {
    const [a, b] = [toNumber(left instanceof Date ? left.getTime() : left), toNumber(right)];
    return a instanceof FormulaErrorValue || b instanceof FormulaErrorValue ? Number.NaN : a - b;
  }
  if (typeof left === "boolean" || typeof right === "boolean") return Number(isTrue(left)) - Number(isTrue(right));
  const [a, b] = [toText(left), toText(right)];
  return a === b ? 0 : a < b ? -1 : 1;
}
