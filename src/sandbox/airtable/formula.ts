import {
  compare,
  FormulaError,
  FormulaErrorValue,
  type FormulaRecord,
  isTrue,
  toNumber,
  toText,
  type Value,
} from "./formula-values.ts";
import { FUNCTIONS } from "./functions.ts";
import { type Expression, parseFormula } from "./parse-formula.ts";

export type { FormulaRecord } from "./formula-values.ts";
export { FormulaError } from "./formula-values.ts";

type Evaluate = (record: FormulaRecord) => Value;

/**
 * Compiles a `filterByFormula` to a predicate. A record whose result is an error does not match.
 *
 * @throws FormulaError for invalid syntax, and for functions and fields that are not known
 */
export function compile(text: string, fieldNames: ReadonlySet<string>): (record: FormulaRecord) => boolean {
  const evaluate = compileExpression(parseFormula(text), fieldNames);
  return (record) => {
    const value = evaluate(record);
    return !(value instanceof FormulaErrorValue) && isTrue(value);
  };
}

function compileExpression(expression: Expression, names: ReadonlySet<string>): Evaluate {
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
      const operand = compileExpression(expression.operand, names);
      return (record) => {
        const value = toNumber(operand(record));
        return value instanceof FormulaErrorValue ? value : -value;
      };
    }
    case "binary": {
      const left = compileExpression(expression.left, names);
      const right = compileExpression(expression.right, names);
      const apply = operatorFor(expression.operator);
      return (record) => apply(left(record), right(record));
    }
    case "call": {
      const found = FUNCTIONS[expression.name.toUpperCase()];
      if (found === undefined) throw new FormulaError(`Unknown function: ${expression.name}`);
      const { least, most, apply } = found;
      const count = expression.arguments.length;
      if (count < least || count > most) throw new FormulaError(`Wrong number of arguments: ${expression.name}`);
      const operands = expression.arguments.map((each) => compileExpression(each, names));
      return (record) =>
        apply(
          operands.map((operand) => () => operand(record)),
          record,
        );
    }
  }
}

function operatorFor(name: string): (left: Value, right: Value) => Value {
  const both = (apply: (left: Value, right: Value) => Value) => (left: Value, right: Value) =>
    left instanceof FormulaErrorValue ? left : right instanceof FormulaErrorValue ? right : apply(left, right);
  const numeric = (apply: (left: number, right: number) => number) =>
    both((left, right) => {
      const [a, b] = [toNumber(left), toNumber(right)];
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
      return both((left, right) => toText(left) + toText(right));
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
