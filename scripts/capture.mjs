import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

// Runs the README's first command in a real terminal (util-linux `script`), puts what it printed into the README as
// text, and draws it as docs/recover.svg. Run it after a change to the table: npm run capture
const ESC = String.fromCharCode(27);
const COLUMNS = 112;
const CLI = resolve("bin/stuck-jobs.js");

const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-capture-"));
const { CI: _, NO_COLOR: __, ...env } = process.env;
const { stdout } = spawnSync(
  "script",
  ["-qec", `stty cols ${COLUMNS} && ${process.execPath} ${CLI} recover --sandbox -o table`, "/dev/null"],
  { cwd: folder, env: { ...env, TERM: "xterm-256color" }, encoding: "utf8" },
);
rmSync(folder, { recursive: true, force: true });

// A progress line erases itself; what remains is what one sees.
const lines = stdout
  .replaceAll("\r\n", "\n")
  .split("\n")
  .map((line) => line.slice(line.lastIndexOf("\r") + 1).replace(`${ESC}[K`, ""));
while (lines.at(-1) === "") lines.pop();

const STYLE = new RegExp(`(${ESC}\\[[\\d;]*m)`);
const STYLES = new Map([
  ["1", { "font-weight": "bold" }],
  ["2", { opacity: "0.6" }],
  ["31", { fill: "#ff7b72" }],
  ["32", { fill: "#7ee787" }],
  ["35", { fill: "#d2a8ff" }],
]);
const ENDS = new Map([
  ["22", ["font-weight", "opacity"]],
  ["39", ["fill"]],
]);

/** The pieces of a line with the style that each has. */
function styled(line) {
  const pieces = [];
  let style = {};
  for (const part of line.split(STYLE)) {
    const code = STYLE.exec(part)?.[0].slice(2, -1);
    if (code === undefined) {
      if (part !== "") pieces.push({ text: part, style });
    } else if (ENDS.has(code)) {
      style = Object.fromEntries(Object.entries(style).filter(([name]) => !ENDS.get(code).includes(name)));
    } else style = { ...style, ...STYLES.get(code) };
  }
  return pieces;
}

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const plain = lines.map((line) =>
  styled(line)
    .map(({ text }) => text)
    .join("")
    .trimEnd(),
);
const [width, height] = [24 + COLUMNS * 8.1, 24 + lines.length * 18];
const rows = lines.map((line, n) => {
  const spans = styled(line).map(({ text, style }) => {
    const attributes = Object.entries(style)
      .map(([name, value]) => ` ${name}="${value}"`)
      .join("");
    return `<tspan${attributes}>${escaped(text)}</tspan>`;
  });
  return `<text x="12" y="${28 + n * 18}" xml:space="preserve">${spans.join("")}</text>`;
});
writeFileSync(
  "docs/recover.svg",
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="stuck-jobs recover on the sandbox">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="13.4" fill="#e6edf3">
${rows.join("\n")}
</g>
</svg>
`,
);

const block = `<!-- capture -->\n![The table that recover prints on the sandbox](docs/recover.svg)\n\n<details><summary>The same as text</summary>\n\n\`\`\`text\n${plain.join("\n")}\n\`\`\`\n\n</details>\n<!-- /capture -->`;
const readme = readFileSync("README.md", "utf8");
writeFileSync(
  "README.md",
  readme.replace(/<!-- capture -->[\s\S]*<!-- \/capture -->/, () => block),
);
