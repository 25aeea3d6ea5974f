import { UpstreamError } from "../../core/ports/errors.ts";
import type { WrittenCell } from "../../core/ports/ports.ts";
import { isText } from "../../database/catalogue.ts";
import type { Database } from "../../database/connection.ts";
import { Parameters } from "../../database/statement.ts";
import type { RowLayout } from "./layout.ts";
import { parseCell } from "./parse-rows.ts";

type Form = string | number | boolean | null;

/** How many values one statement asks for. */
const FORMS = 500;

/** Returns written values as they are read again: a moment, a number or an address in the server's own form. */
export async function readStoredForms(
  database: Database,
  layout: RowLayout,
  written: readonly WrittenCell[],
  signal: AbortSignal,
): Promise<readonly Form[]> {
  const cells = written.map(({ field, value }) => ({
    cell: layout.cell(field),
    text: value === null ? "" : String(value),
  }));
  const texts = cells.map(({ text }) => text);
  const asked = [...cells.keys()].filter((n) => {
    const each = cells[n];
    return each !== undefined && each.text !== "" && each.cell.path.length === 0 && !isText(each.cell.column);
  });
  for (let from = 0; from < asked.length; from += FORMS) {
    const part = asked.slice(from, from + FORMS);
    const parameters = new Parameters();
    const casts = part.map(
      (n) => `${parameters.add(texts[n])}::text::${cells[n]?.cell.column.declaredType}::text AS v${n}`,
    );
    const [row = {}] = await readForms(`SELECT ${casts.join(", ")}`, parameters.values);
    for (const n of part) {
      const form = row[`v${n}`];
      if (typeof form === "string") texts[n] = form;
    }
  }
  return cells.map(({ cell }, n) => parseCell(texts[n], cell) ?? null);

  async function readForms(text: string, values: readonly unknown[]) {
    try {
      return await database.read(text, values, signal);
    } catch (error) {
      // One of them is not what was written: the journal holds secrets redacted. Then all are compared as they are.
      if (error instanceof UpstreamError && error.code === "config") return [];
      throw error;
    }
  }
}
