import {
  dateOf,
  FORMULA_ERROR,
  FormulaErrorValue,
  type FormulaRecord,
  isTrue,
  joined,
  numberOf,
  type Value,
} from "./formula-values.ts";

/** A function of the formula language; its operands are evaluated when it asks for them. */
export interface FormulaFunction {
  readonly least: number;
  readonly most: number;
  apply(operands: readonly (() => Value)[], record: FormulaRecord): Value;
}

/** The functions that the sandbox knows; all others are refused. */
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
  DATETIME_PARSE: of(1, 1, (value = null) => dateOf(value)),
  FIND: of(2, 3, (needle = null, haystack = null, start = 1) => find(joined(needle), joined(haystack), start)),
  SEARCH: of(2, 3, (needle = null, haystack = null, start = 1) =>
    find(joined(needle).toLowerCase(), joined(haystack).toLowerCase(), start),
  ),
  LEN: of(1, 1, (value = null) => joined(value).length),
  LOWER: of(1, 1, (value = null) => joined(value).toLowerCase()),
  UPPER: of(1, 1, (value = null) => joined(value).toUpperCase()),
  TRIM: of(1, 1, (value = null) => joined(value).trim()),
  CONCATENATE: of(1, 10_000, (...values) => values.map(joined).join("")),
  VALUE: of(1, 1, (value = null) => numberOf(value)),
};

/** A function of evaluated operands: one that is wrong makes the result wrong. */
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

/** AND ends at the first that is false, OR at the first that is true. */
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
    const [a, b] = [dateOf(left), dateOf(right)];
    return a instanceof FormulaErrorValue || b instanceof FormulaErrorValue
      ? FORMULA_ERROR
      : holds(a.getTime(), b.getTime());
  });
}

/** 1-based; 0 where there is none. */
function find(needle: string, haystack: string, start: Value): Value {
  const from = numberOf(start);
  return from instanceof FormulaErrorValue ? from : haystack.indexOf(needle, from - 1) + 1;
}
