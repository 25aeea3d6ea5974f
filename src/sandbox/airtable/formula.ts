import {
  compare,
  FormulaError,
  FormulaErrorValue,
  type FormulaRecord,
  isTrue,
  joined,
  numberOf,
  type Value,
} from "./formula-values.ts";
import { FUNCTIONS } from "./functions.ts";
import { type Expression, parseFormula } from "./parse-formula.ts";

export type { FormulaRecord } from "./formula-values.ts";
export { FormulaError } from "./formula-values.ts";

type Evaluate = (record: FormulaRecord) => Value;

/**
 * Compiles what `filterByFormula` holds. A record whose result is an error does not match.
 *
 * @throws FormulaError for syntax, functions and fields that are not known: the sandbox refuses what it cannot do.
 */
export function compile(text: string, fieldNames: ReadonlySet<string>): (record: FormulaRecord) => boolean {
  const evaluate = compiled(parseFormula(text), fieldNames);
  return (record) => {
    const value = evaluate(record);
    return !(value instanceof FormulaErrorValue) && isTrue(value);
  };
}

function compiled(expression: Expression, names: ReadonlySet<string>): Evaluate {
  switch (expression.kind) {
    case "literal": {
      const { value } = expression;
      return () => value;
    }
    case "field": {
      const { name } = expression;
      if (!names.has(name)) throw new FormulaError(`Unknown field names: ${name.toLowerCase()}`);
      return (record) => record.fields[name] ?? null;
    }
    case "negate": {
      const operand = compiled(expression.operand, names);
      return (record) => {
        const value = numberOf(operand(record));
        return value instanceof FormulaErrorValue ? value : -value;
      };
    }
    case "binary": {
      const left = compiled(expression.left, names);
      const right = compiled(expression.right, names);
      const apply = operator(expression.operator);
      return (record) => apply(left(record), right(record));
    }
    case "call": {
      const found = FUNCTIONS[expression.name.toUpperCase()];
      if (found === undefined) throw new FormulaError(`Unknown function: ${expression.name}`);
      const { least, most, apply } = found;
      const count = expression.arguments.length;
      if (count < least || count > most) throw new FormulaError(`Wrong number of arguments: ${expression.name}`);
      const operands = expression.arguments.map((each) => compiled(each, names));
      return (record) =>
        apply(
          operands.map((operand) => () => operand(record)),
          record,
        );
    }
  }
}

function operator(name: string): (left: Value, right: Value) => Value {
  const both = (apply: (left: Value, right: Value) => Value) => (left: Value, right: Value) =>
    left instanceof FormulaErrorValue ? left : right instanceof FormulaErrorValue ? right : apply(left, right);
  const numeric = (apply: (left: number, right: number) => number) =>
    both((left, right) => {
      const [a, b] = [numberOf(left), numberOf(right)];
      return a instanceof FormulaErrorValue ? a : b instanceof FormulaErrorValue ? b : apply(a, b);
    });
  switch (name) {
    case "=":
      return both((left, right) => compare(left, right) === 0);
    case "!=":
      return both((left, right) => compare(left, right) !== 0);
    case "<":
      return both((left, right) => compare(left, right) < 0);
    case "<=":
      return both((left, right) => compare(left, right) <= 0);
    case ">":
      return both((left, right) => compare(left, right) > 0);
    case ">=":
      return both((left, right) => compare(left, right) >= 0);
    case "&":
      return both((left, right) => joined(left) + joined(right));
    case "+":
      return numeric((left, right) => left + right);
    case "-":
      return numeric((left, right) => left - right);
    case "*":
      return numeric((left, right) => left * right);
    case "/":
      return numeric((left, right) => left / right);
    default:
      throw new FormulaError(`Unknown operator: ${name}`);
  }
}
