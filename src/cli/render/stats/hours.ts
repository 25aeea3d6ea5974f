import type { HourlyLoss } from "../../../core/stats/losses.ts";
import { escapeHtml } from "./html.ts";
import { inPercent } from "./report.ts";

/** Renders the share of lost webhooks by operation and hour of the day: a table whose cells are darker the more were lost. */
export function hourTable(hours: readonly HourlyLoss[]): string {
  const heading = `<h2 id="hours">Lost webhooks by operation and hour</h2><p>By the hour of the day (UTC) at which the job was created, in per cent of its completed jobs. An hour that stands out points at a deployment, a backup or a quota.</p>`;
  if (hours.length === 0) return `<section aria-labelledby="hours">${heading}<p class="none">None.</p></section>`;
  const names = Array.from({ length: 24 }, (_, hour) => `<th scope="col">${String(hour).padStart(2, "0")}</th>`).join(
    "",
  );
  const rows = hours.map((each) => {
    const cells = each.hours.map(cellOf).join("");
    return `<tr><th scope="row">${escapeHtml(each.operation)}</th>${cells}</tr>`;
  });
  return `<section aria-labelledby="hours">${heading}<div class="scroll" role="region" aria-label="Table of lost webhooks by hour" tabindex="0"><table class="heat"><caption>Per cent lost; a dot: no completed job</caption><thead><tr><th scope="col">operation</th>${names}</tr></thead><tbody>${rows.join("")}</tbody></table></div></section>`;
}

function cellOf({ byWebhook, byPolling }: HourlyLoss["hours"][number]): string {
  const completed = byWebhook + byPolling;
  if (completed === 0) return "<td>·</td>";
  const share = byPolling / completed;
  const level = share === 0 ? 0 : Math.min(4, 1 + Math.floor(share * 4));
  return `<td class="heat-${level}" title="${byPolling} of ${completed}">${inPercent(share).replace(" %", "")}</td>`;
}
