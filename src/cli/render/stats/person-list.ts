import { createHash } from "node:crypto";
import { pluralize } from "../../../core/domain/plural.ts";
import type { PersonNeeded } from "../../../core/stats/stats.ts";
import { adviceOf } from "../../help/reasons.ts";
import { formatDuration } from "../../terminal/format.ts";
import { escapeHtml } from "./html.ts";

/** A page with more rows than this is slow to open; the rest is in `-o json`. */
const MOST_ROWS = 2_000;

/** Renders the jobs that need a person, with a search and filters that work without network. */
export function personList(jobs: readonly PersonNeeded[], recordUrl: ((id: string) => string) | null): string {
  const heading = `<h2 id="person">What needs a person</h2><p>Stuck jobs that no sweep will resolve, and jobs that polling failed. Everything else is for the next sweep.</p>`;
  if (jobs.length === 0) return `<section aria-labelledby="person">${heading}<p class="none">Nothing.</p></section>`;
  const shown = jobs.slice(0, MOST_ROWS);
  const more = jobs.length - shown.length;
  const rest = more === 0 ? "" : `<p>${pluralize(more, "further job")}: see -o json.</p>`;
  const rows = shown.map((job) => rowOf(job, recordUrl)).join("");
  const head = ["job", "operation", "age", "why", "what to do"].map((name) => `<th scope="col">${name}</th>`).join("");
  const caption = `${pluralize(jobs.length, "job")}, the oldest first`;
  return `<section aria-labelledby="person">${heading}${controls(shown)}<div class="scroll" role="region" aria-label="Jobs that need a person" tabindex="0"><table id="person-table"><caption>${caption}</caption><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>${rest}</section>`;
}

function rowOf(
  { id, operation, age, reason, detail, failed }: PersonNeeded,
  recordUrl: ((id: string) => string) | null,
) {
  const name = escapeHtml(id);
  const link = recordUrl === null ? name : `<a href="${escapeHtml(recordUrl(id))}" rel="noreferrer">${name}</a>`;
  const why = failed ? `failed: ${reason}` : detail === "" ? reason : `${reason}: ${detail}`;
  const key = `${failed ? "failed: " : ""}${reason}`;
  const cells = [operation, formatDuration(age), why, adviceOf(reason, failed)];
  const rest = cells.map((text) => `<td>${escapeHtml(text)}</td>`).join("");
  return `<tr data-operation="${escapeHtml(operation)}" data-reason="${escapeHtml(key)}"><th scope="row">${link}</th>${rest}</tr>`;
}

/** Without a script they do nothing, so they are shown only by the script. */
function controls(jobs: readonly PersonNeeded[]): string {
  const options = (all: string, values: readonly string[]) =>
    [
      `<option value="">${all}</option>`,
      ...[...new Set(values)].sort().map((value) => `<option>${escapeHtml(value)}</option>`),
    ].join("");
  const reasons = jobs.map(({ reason, failed }) => `${failed ? "failed: " : ""}${reason}`);
  return `<form class="filter" hidden role="search" aria-label="Filter the jobs">
<label>Search <input type="search" id="filter-text" autocomplete="off"></label>
<label>Operation <select id="filter-operation">${options(
    "all",
    jobs.map(({ operation }) => operation),
  )}</select></label>
<label>Reason <select id="filter-reason">${options("all", reasons)}</select></label>
<output id="filter-count" for="filter-text filter-operation filter-reason"></output>
</form>`;
}

/** The page's only script: it shows the rows that match. It reads and writes nothing but this table. */
const SCRIPT = `
const form = document.querySelector(".filter");
if (form) {
  const [text, operation, reason] = ["text", "operation", "reason"].map((name) => document.getElementById("filter-" + name));
  const count = document.getElementById("filter-count");
  const rows = [...document.querySelectorAll("#person-table tbody tr")];
  const apply = () => {
    const words = text.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const content = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => content.includes(word))
        || (operation.value !== "" && row.dataset.operation !== operation.value)
        || (reason.value !== "" && row.dataset.reason !== reason.value);
      if (!row.hidden) shown += 1;
    }
    count.textContent = shown + " of " + rows.length;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
}
`;

/** The script element, and the source that the page's policy allows: this text alone. */
export const FILTER_SCRIPT = {
  element: `<script>${SCRIPT}</script>`,
  source: `'sha256-${createHash("sha256").update(SCRIPT).digest("base64")}'`,
};
