import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { plainOf, sessionSvg } from "./terminal-svg.mjs";

// Runs the README's first command in a real terminal (util-linux `script`): as wide as a desktop's, for the text in the
// README, and as wide as a phone's, for the animation docs/session.svg. Run it after a change to the table:
// npm run capture
const ESC = String.fromCharCode(27);
const CLI = resolve("bin/stuck-jobs.js");
const [WIDE, NARROW] = [112, 50];

const wide = inFolder((cwd) => record("recover --sandbox -o table", WIDE, cwd));
const twice = inFolder((cwd) =>
  ["recover --sandbox", "recover --sandbox"].map((args) => ({
    command: `stuck-jobs ${args}`,
    lines: record(args, NARROW, cwd),
  })),
);
const label = "stuck-jobs recover, run twice on the sandbox: the second run finds nothing left to repair";
writeFileSync("docs/session.svg", sessionSvg(twice, { columns: NARROW, rows: 36, label }));

const text = wide.map(plainOf).join("\n");
const block = `<!-- capture -->\n![${label}](docs/session.svg)\n\n<details><summary>The first run as text</summary>\n\n\`\`\`text\n${text}\n\`\`\`\n\n</details>\n<!-- /capture -->`;
const readme = readFileSync("README.md", "utf8");
writeFileSync(
  "README.md",
  readme.replace(/<!-- capture -->[\s\S]*<!-- \/capture -->/, () => block),
);

/** The lines that a command leaves on a terminal of this width. */
function record(args, columns, cwd) {
  const { CI: _, NO_COLOR: __, ...env } = process.env;
  const { stdout } = spawnSync(
    "script",
    ["-qec", `stty cols ${columns} && ${process.execPath} ${CLI} ${args}`, "/dev/null"],
    { cwd, env: { ...env, TERM: "xterm-256color" }, encoding: "utf8" },
  );
  // A progress line erases itself; what remains is what one sees.
  const lines = stdout
    .replaceAll("\r\n", "\n")
    .split("\n")
    .map((line) => line.slice(line.lastIndexOf("\r") + 1).replace(`${ESC}[K`, ""));
  while (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Works in an empty folder, which is gone afterwards. */
function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-capture-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
