import { FormulaError, type Value } from "./formula-values.ts";

export type Expression =
  | { readonly kind: "literal"; readonly value: Value }
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "negate"; readonly operand: Expression }
  | { readonly kind: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "call"; readonly name: string; readonly arguments: readonly Expression[] };

/** The operators, from the loosest binding to the tightest. */
const LEVELS: readonly (readonly string[])[] = [["=", "!=", "<=", ">=", "<", ">"], ["&"], ["+", "-"], ["*", "/"]];

const MAX_DEPTH = 200;

const TOKEN =
  /\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_][A-Za-z0-9_]*)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\{(?:[^}\\]|\\.)*\})|(!=|<=|>=|[=<>&+\-*/(),]))/sy;

interface Token {
  readonly kind: "number" | "word" | "text" | "field" | "sign";
  readonly text: string;
}

/** @throws FormulaError */
export function parseFormula(source: string): Expression {
  const parser = new Parser(tokensOf(source));
  const expression = parser.expression(0);
  parser.end();
  return expression;
}

function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = [];
  const text = source.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (found === null) throw new FormulaError(`Invalid formula at ${at}: ${text.slice(at, at + 20)}`);
    const [, number, word, quoted, field, sign] = found;
    if (number !== undefined) tokens.push({ kind: "number", text: number });
    else if (word !== undefined) tokens.push({ kind: "word", text: word });
    else if (quoted !== undefined) tokens.push({ kind: "text", text: unescaped(quoted) });
    else if (field !== undefined) tokens.push({ kind: "field", text: unescaped(field) });
    else if (sign !== undefined) tokens.push({ kind: "sign", text: sign });
  }
  return tokens;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

function unescaped(delimited: string): string {
  return delimited.slice(1, -1).replace(/\\(.)/gs, (_, character: string) => ESCAPES[character] ?? character);
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  end(): void {
    const rest = this.#tokens[this.#at];
    if (rest !== undefined) throw new FormulaError(`Invalid formula: more text at ${rest.text}`);
  }

  expression(level: number): Expression {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH * LEVELS.length) throw new FormulaError("Invalid formula: nested too deeply");
    const operators = LEVELS[level];
    let left = operators === undefined ? this.#operand() : this.expression(level + 1);
    for (let operator = this.#operator(operators); operator !== null; operator = this.#operator(operators)) {
      left = { kind: "binary", operator, left, right: this.expression(level + 1) };
    }
    this.#depth -= 1;
    return left;
  }

  #operator(operators: readonly string[] | undefined): string | null {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "sign" || operators?.includes(token.text) !== true) return null;
    this.#at += 1;
    return token.text;
  }

  #operand(): Expression {
    const token = this.#tokens[this.#at];
    this.#at += 1;
    switch (token?.kind) {
      case "number":
        return { kind: "literal", value: Number(token.text) };
      case "text":
        return { kind: "literal", value: token.text };
      case "field":
        return { kind: "field", name: token.text };
      case "word":
        return this.#take("(") ? this.#call(token.text) : { kind: "field", name: token.text };
      case "sign":
        if (token.text === "-") return { kind: "negate", operand: this.#operand() };
        if (token.text === "(") {
          const inner = this.expression(0);
          this.#expect(")");
          return inner;
        }
        throw new FormulaError(`Invalid formula: unexpected ${token.text}`);
      case undefined:
        throw new FormulaError("Invalid formula: it ends too early");
    }
  }

  #call(name: string): Expression {
    const operands: Expression[] = [];
    if (this.#take(")")) return { kind: "call", name, arguments: operands };
    do operands.push(this.expression(0));
    while (this.#take(","));
    this.#expect(")");
    return { kind: "call", name, arguments: operands };
  }

  #take(sign: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "sign" || token.text !== sign) return false;
    this.#at += 1;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#take(sign)) throw new FormulaError(`Invalid formula: ${sign} is missing`);
  }
}
