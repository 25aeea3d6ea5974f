import stringWidth from "string-width";

/** Returns the terminal columns of a text: two for a wide character, none for a combining one or a style. */
export function displayWidth(text: string): number {
  return stringWidth(text);
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Returns the text if it fits, else its beginning with an ellipsis. Graphemes stay whole. */
export function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let shown = "";
  for (const { segment } of graphemes.segment(text)) {
    if (displayWidth(shown) + displayWidth(segment) > width - 1) break;
    shown += segment;
  }
  return `${shown}…`;
}

/** Returns the text without the blanks at the ends of its lines. */
export function trimLineEnds(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/**
 * Breaks a line between words; further lines are indented as the first, or by two. A long word stays whole, and so does
 * `stuck-jobs` with its command, which people copy.
 */
export function wrap(
  line: string,
  width: number,
  indent: string = " ".repeat(line.length - line.trimStart().length || 2),
): readonly string[] {
  const lines: string[] = [];
  let open = "";
  for (const word of line.split(/(?<=\S)(?<!\bstuck-jobs) /)) {
    const longer = open === "" ? word : `${open} ${word}`;
    if (open !== "" && displayWidth(longer) > width) {
      lines.push(open);
      open = `${indent}${word}`;
    } else open = longer;
  }
  return [...lines, open];
}
