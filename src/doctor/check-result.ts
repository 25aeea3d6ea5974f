/** The checks. Scripts may rely on these names; docs/troubleshooting.md lists their results. */
export const CHECKS = [
  "node",
  "configuration",
  "configuration.enabled",
  "lock",
  "journal",
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
  "fleet",
  "schema.table",
  "schema.field",
  "schema.type",
  "schema.option",
  "start",
  "jobs",
  "clock",
  "pollers",
  "calls",
  "storage",
  "storage.address",
  "storage.credentials",
  "storage.missing",
  "storage.outputs",
  "storage.listing",
  "provider",
] as const;
export type Check = (typeof CHECKS)[number];

/** The result levels of a check, from best to worst. */
export const LEVELS = ["pass", "warn", "fail"] as const;
export type Level = (typeof LEVELS)[number];

/** The cause of a failure, which decides the exit code. */
export type Subject = "configuration" | "token" | "upstream";

/** The result of one check. `title` names what was checked, `detail` what was found, `next` what to do about it. */
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

/** Returns the worst level of the results. */
export function worstOf(findings: readonly CheckResult[]): Level {
  return LEVELS[Math.max(0, ...findings.map(({ level }) => LEVELS.indexOf(level)))] ?? "pass";
}
