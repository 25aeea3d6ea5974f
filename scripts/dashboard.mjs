import { readFileSync, writeFileSync } from "node:fs";

// `npm run docs:dashboard`: draws the panels of the Grafana dashboard where it places them. It is a plan, not a screenshot.
const DASHBOARD = "examples/monitoring/grafana/stuck-jobs.json";
const PLAN = "docs/dashboard.svg";

/** Grafana's grid: 24 columns; here a column is so many pixels wide, a row so many high. */
const [COLUMN, ROW, GAP] = [40, 26, 4];

const escapeText = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

function drawPanel({ type, title, gridPos: { x, y, w, h } }) {
  const [left, top, width, height] = [x * COLUMN + GAP, y * ROW + GAP, w * COLUMN - 2 * GAP, h * ROW - 2 * GAP];
  if (type === "row") return `<text class="row" x="${left + 2}" y="${top + 14}">${escapeText(title)}</text>`;
  return [
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" rx="3"/>`,
    `<text x="${left + 10}" y="${top + 20}">${escapeText(title)}</text>`,
    `<text class="kind" x="${left + 10}" y="${top + 38}">${type === "stat" ? "a number" : "over time"}</text>`,
  ].join("");
}

/** Returns the plan of a dashboard as SVG. */
function drawDashboard({ panels }) {
  const height = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h)) * ROW;
  const style =
    "rect{fill:#f6f8fa;stroke:#d0d7de}text{font:13px system-ui,sans-serif;fill:#1f2328}.row{font-weight:600}.kind{fill:#59636e;font-size:11px}" +
    "@media(prefers-color-scheme:dark){rect{fill:#161b22;stroke:#3d444d}text{fill:#e6edf3}.kind{fill:#9198a1}}";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${24 * COLUMN} ${height}" role="img" aria-label="The panels of the dashboard"><style>${style}</style>\n${panels.map(drawPanel).join("\n")}\n</svg>\n`;
}

const plan = drawDashboard(JSON.parse(readFileSync(DASHBOARD, "utf8")));
if (process.argv.includes("--print")) process.stdout.write(plan);
else writeFileSync(PLAN, plan);
