import type { Section } from "./result.ts";

const [BEGIN, END] = ["<!-- bench -->", "<!-- /bench -->"];

/** Puts what was measured between the page's markers. */
export function written(page: string, sections: readonly Section[], how: string): string {
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`the page lacks ${BEGIN} … ${END}`);
  const body = [how, ...sections.map(markdown)].join("\n\n");
  return `${page.slice(0, before)}${BEGIN}\n\n${body}\n\n${page.slice(after)}`;
}

/** One section as Markdown. */
export function markdown({ title, about, rows, more }: Section): string {
  const lines = rows.map(({ what, measured, target, met }) => {
    const verdict = met === null ? "" : met ? "met" : "**missed**";
    return `| ${what} | ${measured} | ${target} | ${verdict} |`;
  });
  const table =
    lines.length === 0 ? [] : ["", "| what | measured | target | |", "| --- | ---: | ---: | --- |", ...lines];
  return [`## ${title}`, "", about, ...table, ...(more === undefined ? [] : ["", more])].join("\n");
}
