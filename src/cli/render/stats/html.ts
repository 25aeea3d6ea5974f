import { makeVisible } from "../../../core/domain/visible.ts";

/** Escapes text for HTML content and quoted attributes. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return makeVisible(text).replaceAll(/[&<>"']/g, (letter) => entities[letter] ?? "");
}

/** A table whose first column heads its rows. All texts are escaped. */
export function table(caption: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const headCells = head.map((text) => `<th scope="col">${escapeHtml(text)}</th>`).join("");
  const body = rows.map(([first = "", ...others]) => {
    const cells = others.map((text) => `<td>${escapeHtml(text)}</td>`).join("");
    return `<tr><th scope="row">${escapeHtml(first)}</th>${cells}</tr>`;
  });
  return `<div class="scroll" role="region" aria-label="${escapeHtml(caption)}" tabindex="0"><table><caption>${escapeHtml(caption)}</caption><thead><tr>${headCells}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}

/**
 * The page's style. Blue, amber and magenta stay apart for every kind of colour blindness (IBM's palette); each but blue
 * also has a pattern, and all have an outline.
 */
export const STYLE = `
:root { color-scheme: light dark; --paper: #fdfdfc; --ink: #1c2024; --soft: #59636e; --line: #d5d9de; --card: #f2f4f6;
  --webhook: #648fff; --polling: #ffb000; --failed: #f06ba0; --open: #c3c9d0; --stuck: #c3c9d0; --edge: #1c2024; --focus: #0b57d0;
  --heat-1: #fff1cc; --heat-2: #ffe199; --heat-3: #ffcb52; --heat-4: #ffb000; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #e8eaed; --soft: #a5afba; --line: #3a424b; --card: #1f2429;
  --webhook: #5a84f0; --polling: #d99500; --failed: #d6336c; --open: #59636e; --stuck: #59636e; --edge: #e8eaed; --focus: #8ab4f8;
  --heat-1: #33290d; --heat-2: #4d3c0a; --heat-3: #6b5208; --heat-4: #855f00; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .25rem; }
p { margin: .25rem 0 .75rem; max-width: 46rem; }
.soft, .none, figcaption, caption { color: var(--soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1.25rem 0; }
.cards div { background: var(--card); border-radius: .5rem; padding: .7rem .9rem; }
.cards dt { color: var(--soft); font-size: .9rem; }
.cards dd { margin: 0; font-size: 1.5rem; font-weight: 600; line-height: 1.3; }
.cards dd small { display: block; font-size: .85rem; font-weight: 400; color: var(--soft); }
figure { margin: 0; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: 0 0 .5rem; font-size: .9rem; }
.legend li { display: flex; align-items: center; gap: .4rem; }
.plot { width: 100%; height: auto; display: block; overflow: visible; }
.plot text { fill: var(--soft); font-size: 12px; }
.plot .extra { fill: var(--ink); }
.grid line { stroke: var(--line); stroke-width: 1; }
.area { fill: transparent; }
.bar:focus { outline: none; }
.bar:focus-visible .area, .bar:hover .area { stroke: var(--focus); stroke-width: 2; }
.webhook { fill: var(--webhook); } .polling { fill: url(#p-polling); } .failed { fill: url(#p-failed); }
.open { fill: var(--open); } .stuck { fill: url(#p-stuck); }
.webhook, .polling, .failed, .open, .stuck { stroke: var(--edge); stroke-width: 1; }
.ground-polling { fill: var(--polling); } .ground-failed { fill: var(--failed); } .ground-stuck { fill: var(--stuck); }
.ink { stroke: var(--edge); fill: var(--edge); stroke-width: 1; }
.patterns { position: absolute; }
details { margin: .5rem 0; }
summary { cursor: pointer; }
summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .5rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .25rem; }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; color: var(--ink); }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 500; }
a { color: var(--focus); }
a:focus-visible, input:focus-visible, select:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
.filter { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: end; margin: .5rem 0; font-size: .9rem; }
.filter[hidden] { display: none; }
.filter label { display: flex; flex-direction: column; gap: .15rem; }
.filter input, .filter select { font: inherit; color: var(--ink); background: var(--paper); border: 1px solid var(--soft); border-radius: .3rem; padding: .3rem .5rem; max-width: 16rem; }
.filter output { color: var(--soft); padding: .3rem 0; }
.meter { height: 1rem; border: 1px solid var(--edge); border-radius: .25rem; overflow: hidden; margin: .5rem 0; }
.meter div { height: 100%; background: var(--webhook); border-right: 1px solid var(--edge); print-color-adjust: exact; }
.meter .over { background: var(--failed); }
#person-table td:nth-child(3) { white-space: nowrap; }
.heat td { text-align: center; padding: .3rem .35rem; min-width: 2rem; }
.heat thead th { text-align: center; padding-right: .35rem; }
.heat-1 { background: var(--heat-1); } .heat-2 { background: var(--heat-2); } .heat-3 { background: var(--heat-3); }
.heat-4 { background: var(--heat-4); } .heat .heat-3, .heat .heat-4 { font-weight: 600; }
@media print {
  details > * { display: block; }
  .filter { display: none; }
  .scroll { overflow: visible; }
  section { break-inside: avoid-page; }
  section:has(#person) { break-inside: auto; }
  .cards div { border: 1px solid var(--line); }
}
`;
