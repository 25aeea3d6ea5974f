/** Formats a count with its noun: "1 job", "3 jobs". `shown` is the number as it is printed. */
export function pluralize(count: number, noun: string, shown = String(count)): string {
  return `${shown} ${noun}${count === 1 ? "" : "s"}`;
}
