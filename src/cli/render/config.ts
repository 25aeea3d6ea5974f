import type { ConfiguredValue } from "../../config/resolve/origins.ts";
import { displayWidth } from "./text.ts";

/** The configuration as `config show` prints it; `name` is null where there is no list of bases. */
export interface ShownConfig {
  readonly path: string | null;
  readonly bases: readonly { readonly name: string | null; readonly values: readonly ConfiguredValue[] }[];
}

/** Renders the values in three columns: key, value, origin. */
export function renderConfigTable({ path, bases }: ShownConfig): string {
  const sections = bases.map(({ name, values }) => {
    const rows = values.map(({ key, value, from }) => [key, formatValue(value), from] as const);
    const width = (column: 0 | 1) =>
      Math.max(0, ...rows.map((row) => displayWidth(row[column])).filter((n) => n <= 60));
    const pad = (text: string, to: number) => `${text}${" ".repeat(Math.max(0, to - displayWidth(text)))}`;
    const lines = rows.map(([key, value, from]) => `${pad(key, width(0))}  ${pad(value, width(1))}  ${from}\n`);
    return `${name === null ? "" : `${name}\n`}${lines.join("")}`;
  });
  return `configuration file: ${path ?? "none"}\n\n${sections.join("\n")}`;
}

/** Renders the same as `stuck-jobs/config@1`. */
export function renderConfigJson({ path, bases }: ShownConfig): string {
  return `${JSON.stringify({ schema: "stuck-jobs/config@1", path, bases }, null, 2)}\n`;
}

function formatValue(value: unknown): string {
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value);
}
