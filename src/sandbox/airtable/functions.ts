import {
  FORMULA_ERROR,
  FormulaErrorValue,
  type FormulaRecord,
  isTrue,
  toDate,
  toNumber,
  toText,
  type Value,
} from "./formula-values.ts";

/** A function of the formula language. It evaluates its operands itself, and may leave some out. */
export interface FormulaFunction {
  readonly least: number;
  readonly most: number;
  apply(operands: readonly (() => Value)[], record: FormulaRecord): Value;
}

/** The functions that the sandbox supports; all others are refused. */
export const FUNCTIONS: Readonly<Record<string, FormulaFunction>> = {
  AND: { least: 1, most: 10_000, apply: (operands) => logical(operands, false) },
  OR: { least: 1, most: 10_000, apply: (operands) => logical(operands, true) },
  NOT: of(1, 1, (value = null) => !isTrue(value)),
  IF: {
    least: 2,
    most: 3,
    apply([condition, then, otherwise]) {
      const value = condition?.() ?? null;
      if (value instanceof FormulaErrorValue) return value;
      return (isTrue(value) ? then?.() : otherwise?.()) ?? null;
    },
  },
  ISERROR: { least: 1, most: 1, apply: ([operand]) => operand?.() instanceof FormulaErrorValue },
  TRUE: of(0, 0, () => true),
  FALSE: of(0, 0, () => false),
  BLANK: of(0, 0, () => null),
  RECORD_ID: { least: 0, most: 0, apply: (_, { id }) => id },
  CREATED_TIME: { least: 0, most: 0, apply: (_, { createdTime }) => new Date(createdTime) },
  IS_BEFORE: dates((left, right) => left < right),
  IS_AFTER: dates((left, right) => left > right),
  IS_SAME: dates((left, right) => left === right),
  DATETIME_PARSE: of(1, 1, (value = null) => toDate(value)),
  FIND: of(2, 3, (needle = null, haystack = null, start = 1) => find(toText(needle), toText(haystack), start)),
  SEARCH: of(2, 3, (needle = null, haystack = null, start = 1) =>
    find(toText(needle).toLowerCase(), toText(haystack).toLowerCase(), start),
  ),
  LEN: of(1, 1, (value = null) => toText(value).length),
  LOWER: of(1, 1, (value = null) => toText(value).toLowerCase()),
  UPPER: of(1, 1, (value = null) => toText(value).toUpperCase()),
  TRIM: of(1, 1, (value = null) => toText(value).trim()),
  CONCATENATE: of(1, 10_000, (...values) => values.map(toText).join("")),
  VALUE: of(1, 1, (value = null) => toNumber(value)),
};

/** Creates a function of evaluated operands. An error in one of them is the result. */
function of(least: number, most: number, apply: (...values: Value[]) => Value): FormulaFunction {
  return {
    least,
    most,
    apply(operands) {
      const values = operands.map((operand) => operand());
      return values.find((value) => value instanceof FormulaErrorValue) ?? apply(...values);
    },
  };
}

/** AND stops at the first false operand, OR at the first true one. */
function logical(operands: readonly (() => Value)[], ending: boolean): Value {
  for (const operand of operands) {
    const value = operand();
    if (value instanceof FormulaErrorValue) return value;
    if (isTrue(value) === ending) return ending;
  }
  return !ending;
}

function dates(holds: (left: number, right: number) => boolean): FormulaFunction {
  return of(2, 2, (left = null, right = null) => {
    const [a, b] = [toDate(left), toDate(right)];
    return a instanceof FormulaErrorValue || b instanceof FormulaErrorValue
      ? FORMULA_ERROR
      : holds(a.getTime(), b.getTime());
  });
}

/** Returns the position of a text in another, from 1; 0 where it is not found. */
function find(needle: string, haystack: string, start: Value): Value {
  const from = toNumber(start);
  return from instanceof FormulaErrorValue ? from : haystack.indexOf(needle, from - 1) + 1;
}
