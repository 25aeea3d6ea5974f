/** What is checked. A script may rely on these: docs/troubleshooting.md has what each may say. */
export const CHECKS = [
  "node",
  "configuration",
  "configuration.enabled",
  "lock",
  "token",
  "base",
  "schema",
  "writing",
  "database",
  "database.table",
  "database.column",
  "database.rights",
  "database.triggers",
  "database.index",
  "database.journal",
  "schema.table",
  "schema.field",
  "schema.type",
  "schema.option",
  "jobs",
  "clock",
  "pollers",
  "calls",
  "storage",
  "storage.credentials",
  "storage.missing",
  "storage.outputs",
  "storage.listing",
  "provider",
] as const;
export type Check = (typeof CHECKS)[number];

/** How a check came out; the later the worse. */
export const LEVELS = ["pass", "warn", "fail"] as const;
export type Level = (typeof LEVELS)[number];

/** What a failure is a matter of: the exit code follows from it. */
export type Subject = "configuration" | "token" | "upstream";

/** What one check found. `title` names what was looked at, `detail` says what was seen, `next` what to do about it. */
export type CheckResult = { readonly id: Check; readonly title: string; readonly detail: string } & (
  | { readonly level: "pass" }
  | { readonly level: "warn"; readonly next: string }
  | { readonly level: "fail"; readonly next: string; readonly matter: Subject }
);

export function pass(id: Check, title: string, detail: string): CheckResult {
  return { id, level: "pass", title, detail };
}

export function warn(id: Check, title: string, detail: string, next: string): CheckResult {
  return { id, level: "warn", title, detail, next };
}

export function fail(matter: Subject, id: Check, title: string, detail: string, next: string): CheckResult {
  return { id, level: "fail", matter, title, detail, next };
}

/** The worst level among them. */
export function worstOf(findings: readonly CheckResult[]): Level {
  return LEVELS[Math.max(0, ...findings.map(({ level }) => LEVELS.indexOf(level)))] ?? "pass";
}
