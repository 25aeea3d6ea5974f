import type { Section } from "./result.ts";

const [BEGIN, END] = ["<!-- bench -->", "<!-- /bench -->"];

/** Puts what was measured between the page's markers, each section with how it was; other sections stay as they are. */
export function written(page: string, sections: readonly Section[], how: string): string {
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`the page lacks ${BEGIN} … ${END}`);
  const kept = page.slice(before + BEGIN.length, after).split(/^(?=## )/m);
  const texts = new Map(kept.filter((text) => text.startsWith("## ")).map((text) => [titleOf(text), text.trim()]));
  for (const section of sections) texts.set(section.title, `${markdown(section)}\n\n${how}`);
  return `${page.slice(0, before)}${BEGIN}\n\n${[...texts.values()].join("\n\n")}\n\n${page.slice(after)}`;
}

function titleOf(text: string): string {
  return text.slice("## ".length, text.indexOf("\n"));
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
