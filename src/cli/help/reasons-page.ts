import { REASON_TEXTS, VERDICT_TITLES } from "./reasons.ts";

/** docs/reasons.md, whole. */
export function reasonsPage(): string {
  const sections = Object.entries(REASON_TEXTS).map(([kind, reasons]) => {
    const title = Object.entries(VERDICT_TITLES).find(([name]) => name === kind)?.[1] ?? "";
    const rows = Object.entries(reasons).map(
      ([reason, { means, action }]) => `| \`${reason}\` | ${means} | ${action} |\n`,
    );
    return `## ${kind}: ${title}\n\n| reason | meaning | what to do |\n|---|---|---|\n${rows.join("")}`;
  });
  return `${HEAD}\n${sections.join("\n")}`;
}

const HEAD = `# Reasons

Every job in a report has a verdict and a reason. The list is closed: a script may rely on it. \`detail\` in the report
adds the particulars. \`stuck-jobs explain <job>\` says for one job what is in this table, and the evidence with it.
`;
