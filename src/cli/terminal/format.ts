import type { Duration } from "../../core/domain/job.ts";

const STEPS: readonly (readonly [Duration, string])[] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1_000, "s"],
];

/** Formats a duration in its two largest units: "2h 5m", "45s". */
export function formatDuration(duration: Duration | null): string {
  if (duration === null) return "?";
  let rest = Math.max(0, duration);
  const parts: string[] = [];
  for (const [step, unit] of STEPS) {
    const count = Math.floor(rest / step);
    rest -= count * step;
    if (count > 0) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ") || "0s";
}

const SIZES = ["B", "kB", "MB", "GB", "TB"];

/** Formats a size in decimal units: "12.4 MB". */
export function sizeInWords(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < SIZES.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${SIZES[unit]}`;
}
