import type { Duration } from "../core/domain/job.ts";

const UNITS: Readonly<Record<string, Duration>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The form of a duration, for messages. */
export const DURATION_FORM = 'a number with its unit: "90s", "5m", "1h", "7d"';

/** Parses `90s`, `5m`, `1h`, `7d`, `1.5h` into milliseconds; null for anything else, such as a bare number. */
export function parseDuration(text: string): Duration | null {
  const [, amount = "", unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  const factor = UNITS[unit];
  return amount === "" || factor === undefined ? null : Math.round(Number(amount) * factor);
}

/** Formats a duration as in a file, in the largest unit that gives a whole number: "5m", "90s". */
export function durationText(duration: Duration): string {
  const [unit = "ms", factor = 1] = Object.entries(UNITS).findLast(([, each]) => duration % each === 0) ?? [];
  return `${duration / factor}${unit}`;
}
