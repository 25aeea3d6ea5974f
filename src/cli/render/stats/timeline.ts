import type { Instant } from "../../../core/domain/job.ts";
import { pluralize } from "../../../core/domain/plural.ts";
import type { LossIncident } from "../../../core/stats/losses.ts";
import { escapeHtml, table } from "./html.ts";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 130, 8, 8, 10, 30];

/** An incident of a minute is still seen. */
const LEAST_WIDTH = 6;

const DAY = 86_400_000;

/** More dates than this along the axis would run into each other. */
const MOST_DATES = 10;

/** Renders the incidents on a line of the whole window: as wide as they lasted, as high as they had jobs. */
export function timeline(incidents: readonly LossIncident[], since: Instant, until: Instant): string {
  const heading = `<h2 id="incidents">Incidents</h2><p>Times in which at least half of the webhooks were lost, and at least three. A restart of the worker, or of what receives its webhooks, looks like this.</p>`;
  if (incidents.length === 0) {
    return `<section aria-labelledby="incidents">${heading}<p class="none">None.</p></section>`;
  }
  const highest = Math.max(...incidents.map(({ jobs }) => jobs));
  const xOf = (at: Instant) => LEFT + ((at - since) / (until - since)) * (WIDTH - LEFT - RIGHT);
  const bars = incidents.map((incident) => {
    const width = Math.max(LEAST_WIDTH, xOf(incident.to) - xOf(incident.from));
    const x = Math.min(xOf(incident.from), WIDTH - RIGHT - width);
    const height = Math.max(8, (incident.jobs / highest) * (HEIGHT - TOP - BOTTOM));
    const label = escapeHtml(inWords(incident));
    const place = `x="${round(x)}" y="${round(HEIGHT - BOTTOM - height)}" width="${round(width)}" height="${round(height)}"`;
    return `<g class="bar" role="img" tabindex="0" aria-label="${label}"><title>${label}</title><rect class="area" x="${round(x - 4)}" y="0" width="${round(width + 8)}" height="${HEIGHT - BOTTOM}"/><rect class="polling" ${place}/></g>`;
  });
  const rows = incidents.map((incident) => [
    moment(incident.from),
    moment(incident.to),
    String(incident.jobs),
    String(incident.recovered),
    String(incident.failed),
    String(incident.stuck),
    incident.operations.join(", "),
  ]);
  const head = ["from (UTC)", "to", "lost", "recovered", "failed", "stuck", "operations"];
  const axis = `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM}"/>`;
  const plot = `<svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="group" aria-labelledby="incidents"><g class="grid" aria-hidden="true">${axis}${datesOf(since, until, xOf)}</g>${bars.join("")}</svg>`;
  return `<section aria-labelledby="incidents">${heading}<figure>${plot}<figcaption>${table("Incidents, in the order of time", head, rows)}</figcaption></figure></section>`;
}

function inWords({ from, to, jobs, recovered, failed, stuck, operations }: LossIncident): string {
  const parts = [`${recovered} recovered`, `${failed} failed`, `${stuck} stuck`].filter(
    (part) => !part.startsWith("0 "),
  );
  return `${moment(from)} to ${moment(to)}: ${pluralize(jobs, "webhook")} lost, ${parts.join(", ")}; ${operations.join(", ")}`;
}

function datesOf(since: Instant, until: Instant, xOf: (at: Instant) => number): string {
  const first = Math.ceil(since / DAY) * DAY;
  const days = Array.from({ length: Math.max(0, Math.ceil((until - first) / DAY)) }, (_, n) => first + n * DAY);
  const step = Math.max(1, Math.ceil(days.length / MOST_DATES));
  return days
    .filter((_, n) => n % step === 0)
    .map((at) => {
      const x = round(xOf(at));
      const name = new Date(at).toISOString().slice(5, 10);
      return `<line x1="${x}" x2="${x}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/><text x="${x}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${name}</text>`;
    })
    .join("");
}

function moment(at: Instant): string {
  return new Date(at).toISOString().slice(0, 16).replace("T", " ");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
