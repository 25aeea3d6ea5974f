/** One curve in a panel of its own. */
export interface Panel {
  readonly title: string;
  /** x and y, both at least 0. */
  readonly points: readonly (readonly [number, number])[];
}

const [WIDTH, HEIGHT, MARGIN] = [280, 220, 44];

/** Panels side by side as an SVG; x on a logarithmic scale, y on a linear one from 0. */
export function plot(panels: readonly Panel[]): string {
  const drawn = panels.map((panel, n) => `<g transform="translate(${n * WIDTH},0)">${draw(panel)}</g>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${panels.length * WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="10">
<rect width="100%" height="100%" fill="white"/>
${drawn.join("\n")}
</svg>
`;
}

function draw({ title, points }: Panel): string {
  const logs = points.map(([x]) => Math.log10(Math.max(1, x)));
  const [first, last] = [Math.min(...logs), Math.max(...logs)];
  const most = Math.max(...points.map(([, y]) => y)) || 1;
  const at = points.map(([x, y], n) => ({
    x: MARGIN + (((logs[n] ?? 0) - first) / (last - first || 1)) * (WIDTH - 2 * MARGIN),
    y: HEIGHT - MARGIN - (y / most) * (HEIGHT - 2 * MARGIN),
    stuck: x.toLocaleString("en"),
    value: y.toLocaleString("en", { maximumFractionDigits: 1 }),
  }));
  const line = at.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  return [
    `<text x="${WIDTH / 2}" y="18" text-anchor="middle" font-size="12">${title}</text>`,
    `<path d="M${MARGIN} ${MARGIN}V${HEIGHT - MARGIN}H${WIDTH - MARGIN}" fill="none" stroke="#999"/>`,
    `<polyline points="${line}" fill="none" stroke="#2463a8" stroke-width="2"/>`,
    ...at.map(
      ({ x, y, stuck, value }) =>
        `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3" fill="#2463a8"/><text x="${x.toFixed(1)}" y="${(y - 7).toFixed(1)}" text-anchor="middle">${value}</text><text x="${x.toFixed(1)}" y="${HEIGHT - MARGIN + 14}" text-anchor="middle">${stuck}</text>`,
    ),
    `<text x="${WIDTH / 2}" y="${HEIGHT - 12}" text-anchor="middle" fill="#666">stuck jobs</text>`,
  ].join("\n");
}
