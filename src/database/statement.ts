/** A statement and the values for its parameters. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** The values of a statement while its text is put together: none of them becomes part of the text. */
export class Parameters {
  readonly values: unknown[] = [];

  /** Takes a value, and returns what stands for it. */
  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}
