// Draws what a terminal showed, as SVG: a session that plays once and then rests on its last screen.

const ESC = String.fromCharCode(27);
const STYLE = new RegExp(`(${ESC}\\[[\\d;]*m)`);
const CLASSES = new Map([
  ["1", "b"],
  ["2", "d"],
  ["31", "r"],
  ["32", "g"],
  ["33", "y"],
  ["35", "m"],
  ["36", "c"],
]);
const ENDS = new Map([
  ["0", ["b", "d", "r", "g", "y", "m", "c"]],
  ["22", ["b", "d"]],
  ["39", ["r", "g", "y", "m", "c"]],
]);

const [FONT, ADVANCE, LINE, MARGIN] = [13.4, 8.07, 18, 12];

/** Milliseconds: a key, the work of a command, a line of output, the look at a result. */
const [KEY, WORK, ROW, LOOK] = [45, 900, 40, 2_500];

/** The text of a line without its colours. */
export function plainOf(line) {
  return pieces(line)
    .map(({ text }) => text)
    .join("")
    .trimEnd();
}

/** The pieces of a line with the classes that each has. */
function pieces(line) {
  const found = [];
  let classes = [];
  for (const part of line.split(STYLE)) {
    const code = STYLE.exec(part)?.[0].slice(2, -1);
    if (code === undefined) {
      if (part !== "") found.push({ text: part, classes });
    } else if (ENDS.has(code)) classes = classes.filter((name) => !ENDS.get(code).includes(name));
    else if (CLASSES.has(code)) classes = [...classes, CLASSES.get(code)];
  }
  return found;
}

/**
 * Draws commands with the lines that each printed.
 *
 * @param columns the width of the terminal
 * @param rows how many lines are seen at a time
 */
export function sessionSvg(commands, { columns, rows, label }) {
  const drawn = [];
  const scrolls = [];
  let at = 600;
  const add = (content, time) => {
    const n = drawn.length;
    drawn.push(
      `<g class="l" style="animation-delay:${time}ms" transform="translate(${MARGIN} ${28 + n * LINE})">${content}</g>`,
    );
    if (n >= rows) scrolls.push({ time, by: (n - rows + 1) * LINE });
  };
  for (const { command, lines } of commands) {
    const width = command.length * ADVANCE;
    const cover = `<rect class="k" x="${2 * ADVANCE}" y="-14" width="${width + 2}" height="19" style="animation:k${command.length} ${command.length * KEY}ms steps(${command.length}) ${at}ms both"/>`;
    add(`<text><tspan class="g">$ </tspan>${escaped(command)}</text>${cover}`, at - 300);
    at += command.length * KEY + WORK;
    for (const line of lines) {
      add(`<text>${spansOf(line)}</text>`, at);
      at += ROW;
    }
    at += LOOK;
  }
  add('<text><tspan class="g">$ </tspan></text>', at);
  const keys = [...new Set(commands.map(({ command }) => command.length))].map(
    (length) => `@keyframes k${length}{from{transform:none}to{transform:translateX(${length * ADVANCE}px)}}`,
  );
  const frames = scrolls.map(({ time, by }) => `${((time / at) * 100).toFixed(2)}%{transform:translateY(-${by}px)}`);
  const last = scrolls.at(-1)?.by ?? 0;
  const [w, h] = [Math.ceil(2 * MARGIN + columns * ADVANCE), 24 + Math.min(rows, drawn.length) * LINE];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" role="img" aria-label="${label}">
<style>
text{font:${FONT}px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#e6edf3;white-space:pre}
.b{font-weight:bold}.d{opacity:.65}.r{fill:#ff7b72}.g{fill:#7ee787}.y{fill:#e3b341}.m{fill:#d2a8ff}.c{fill:#79c0ff}
.k{fill:#0d1117;transform:translateX(${w}px)}
.l{animation:l 1ms both}.s{transform:translateY(-${last}px);animation:s ${at}ms step-end both}
@keyframes l{from{opacity:0}}
@keyframes s{0%{transform:none}${frames.join("")}to{transform:translateY(-${last}px)}}
${keys.join("\n")}
@media (prefers-reduced-motion:reduce){.l,.s,.k{animation:none!important}}
</style>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g class="s">
${drawn.join("\n")}
</g>
</svg>
`;
}

function spansOf(line) {
  return pieces(line)
    .map(({ text, classes }) =>
      classes.length === 0 ? escaped(text) : `<tspan class="${classes.join(" ")}">${escaped(text)}</tspan>`,
    )
    .join("");
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
