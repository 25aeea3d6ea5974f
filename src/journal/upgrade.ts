import { isObject } from "../core/domain/json.ts";

/** The keys that lines of `stuck-jobs/journal@1` had, at any depth, and what `@2` calls them. */
const KEYS: Readonly<Record<string, string>> = {
  sightings: "probes",
  consultation: "providerReply",
  decided: "decision",
  late: "reopened",
  held: "blocked",
  herd: "worker",
  ownId: "applicationId",
};

/** Kinds of results and reasons that were renamed with `@2`. */
const VALUES: Readonly<Record<string, string>> = {
  gone: "deleted",
  "held-up": "batch-rejected",
  "output-not-yet": "output-pending",
  declined: "not-confirmed",
  "failing-off": "fail-disabled",
  "newer-undecided": "newer-job-undecided",
  "brake-held": "brake-engaged",
};

/** What the base or the application wrote: kept as it stands. */
const FOREIGN = new Set(["fields", "payload", "links"]);

/** Returns a line of `stuck-jobs/journal@1` with the names of `@2`; every other value as it is. */
export function upgradeLine(line: unknown): unknown {
  if (!isObject(line) || line.schema !== "stuck-jobs/journal@1") return line;
  const { schema: _, ...rest } = line;
  const upgraded = upgrade(rest, "");
  if (!isObject(upgraded)) return line;
  return { schema: "stuck-jobs/journal@2", ...upgraded, supersededBy: supersedingJob(line) };
}

/** `@1` named the superseding job in the detail only: "by rec…". */
function supersedingJob({ reason, detail }: Readonly<Record<string, unknown>>): string | null {
  if (reason !== "superseded" || typeof detail !== "string") return null;
  return /^by (\S+)$/.exec(detail)?.[1] ?? null;
}

function upgrade(value: unknown, parent: string): unknown {
  if (Array.isArray(value)) return value.map((each) => upgrade(each, parent));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (FOREIGN.has(key)) return [key, inner];
      // A provider's reply had its probes under `looks` as well: only the job's are in groups.
      const name = key === "looks" ? (parent === "consultation" ? "probes" : "probeGroups") : (KEYS[key] ?? key);
      const isName = (key === "result" || key === "reason") && typeof inner === "string";
      return [name, isName ? (VALUES[inner] ?? inner) : upgrade(inner, key)];
    }),
  );
}
