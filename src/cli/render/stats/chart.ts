import { escapeHtml, table } from "./html.ts";

/** One part of each bar. Parts differ in colour and in pattern: neither has to be seen. */
export interface Series {
  readonly name: string;
  readonly fill: "webhook" | "polling" | "failed" | "open" | "stuck";
}

/** A plot of stacked bars, with the table of what it shows. */
export interface Chart {
  readonly id: string;
  readonly title: string;
  /** What it shows, in a sentence. */
  readonly about: string;
  /** The name of the axis, which heads the table's first column. */
  readonly axis: string;
  readonly series: readonly Series[];
  /** What `extra` of each bar is; null without. */
  readonly extra: string | null;
  /** `extra` is printed above the bar where it fits. */
  readonly bars: readonly { readonly name: string; readonly values: readonly number[]; readonly extra: string }[];
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 260, 40, 8, 22, 34];

/** More names than this along the axis would run into each other. */
const MOST_NAMES = 12;

/** Renders the plot as a figure; "None." where there is nothing to show. */
export function chart(spec: Chart): string {
  const { id, title, about, axis, series, extra, bars } = spec;
  const heading = `<h2 id="${id}">${escapeHtml(title)}</h2><p>${escapeHtml(about)}</p>`;
  if (bars.every(({ values }) => sum(values) === 0)) {
    return `<section aria-labelledby="${id}">${heading}<p class="none">None.</p></section>`;
  }
  const highest = ceiling(Math.max(...bars.map(({ values }) => sum(values))));
  const drawn = bars.map((_, n) => barOf(spec, n, highest)).join("");
  const plot = `<svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="group" aria-labelledby="${id}">${gridOf(highest)}${drawn}</svg>`;
  const more = (text: string) => (extra === null ? [] : [text]);
  const head = [axis, ...series.map(({ name }) => name), ...more(extra ?? "")];
  const rows = bars.map((bar) => [bar.name, ...bar.values.map(String), ...more(bar.extra)]);
  const numbers = `<details><summary>The same as a table</summary>${table(title, head, rows)}</details>`;
  return `<section aria-labelledby="${id}">${heading}<figure>${legendOf(series)}${plot}<figcaption>${numbers}</figcaption></figure></section>`;
}

function legendOf(series: readonly Series[]): string {
  const items = series.map(({ name, fill }) => {
    const swatch = `<svg width="18" height="14" aria-hidden="true"><rect class="${fill}" x="1" y="1" width="16" height="12"/></svg>`;
    return `<li>${swatch}${escapeHtml(name)}</li>`;
  });
  return `<ul class="legend">${items.join("")}</ul>`;
}

function gridOf(highest: number): string {
  const lines = [0, highest / 2, highest].filter(Number.isInteger).map((value) => {
    const y = heightOf(value, highest);
    const line = `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/>`;
    return `${line}<text x="${LEFT - 6}" y="${y + 4}" text-anchor="end">${value}</text>`;
  });
  return `<g class="grid" aria-hidden="true">${lines.join("")}</g>`;
}

/** Renders one bar, with keyboard focus and a text label for screen readers. */
function barOf({ series, bars, extra }: Chart, n: number, highest: number): string {
  const bar = bars[n];
  if (bar === undefined) return "";
  const slot = (WIDTH - LEFT - RIGHT) / bars.length;
  const [x, middle] = [LEFT + n * slot, round(LEFT + (n + 0.5) * slot)];
  const counts = bar.values.map((value, k) => `${value} ${series[k]?.name ?? ""}`).join(", ");
  const label = escapeHtml(`${bar.name}: ${counts}${extra === null ? "" : `; ${extra} ${bar.extra}`}`);
  let below = 0;
  const parts = bar.values.map((value, k) => {
    const [from, to] = [heightOf(below, highest), heightOf(below + value, highest)];
    below += value;
    const place = `x="${round(x + slot * 0.12)}" y="${to}" width="${round(slot * 0.76)}" height="${round(from - to)}"`;
    return value === 0 ? "" : `<rect class="${series[k]?.fill ?? "open"}" ${place}/>`;
  });
  const text = (said: string, y: number, kind: string) =>
    `<text class="${kind}" x="${middle}" y="${y}" text-anchor="middle">${escapeHtml(said)}</text>`;
  const named = n % Math.ceil(bars.length / MOST_NAMES) === 0 ? text(bar.name, HEIGHT - BOTTOM + 18, "name") : "";
  const fits = extra !== null && bars.length <= MOST_NAMES && below > 0;
  const above = fits ? text(bar.extra, heightOf(below, highest) - 6, "extra") : "";
  const area = `<rect class="area" x="${round(x)}" y="${TOP - 16}" width="${round(slot)}" height="${HEIGHT - BOTTOM - TOP + 16}"/>`;
  return `<g class="bar" role="img" tabindex="0" aria-label="${label}"><title>${label}</title>${area}${parts.join("")}<g aria-hidden="true">${above}${named}</g></g>`;
}

/** Returns the y coordinate of a value on an axis that ends at `highest`. */
function heightOf(value: number, highest: number): number {
  return round(HEIGHT - BOTTOM - (value / highest) * (HEIGHT - TOP - BOTTOM));
}

/** The patterns of the colours, once a page. */
export const PATTERNS = `<svg width="0" height="0" aria-hidden="true" class="patterns"><defs>${pattern("polling", '<path d="M-1 1 L1 -1 M0 8 L8 0 M7 9 L9 7"/>')}${pattern("failed", '<path d="M0 0 L8 8 M8 0 L0 8"/>')}${pattern("stuck", '<circle cx="4" cy="4" r="1.6"/>')}</defs></svg>`;

function pattern(fill: string, drawing: string): string {
  return `<pattern id="p-${fill}" width="8" height="8" patternUnits="userSpaceOnUse"><rect class="ground-${fill}" width="8" height="8"/><g class="ink">${drawing}</g></pattern>`;
}

/** Returns the next end of an axis: 1, 2, 3, 4, 5, 6, 8, 10, 20, 30 … */
function ceiling(value: number): number {
  const power = 10 ** Math.max(0, Math.ceil(Math.log10(Math.max(value, 1))) - 1);
  return [1, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
