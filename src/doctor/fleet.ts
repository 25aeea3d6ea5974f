import { UpstreamError } from "../core/ports/errors.ts";
import { type CheckResult, fail, pass } from "./check-result.ts";

/** What was read of the fleet that this host belongs to. */
export interface FleetFacts {
  /** What the database is called for people. */
  readonly name: string;
  readonly schema: string;
  /** The digest of this host's configuration; null where not all bases were read. */
  readonly digest: string | null;
  /** Who planned the current slot, by which configuration; null where nobody has; or why it could not be read. */
  readonly planned: { readonly host: string; readonly digest: string } | null | UpstreamError;
}

/** Checks that the fleet's tables are there, and that this host has the configuration of the others. */
export function checkFleet({ name, schema, digest, planned }: FleetFacts): readonly CheckResult[] {
  const where = `schema ${schema} of ${name}`;
  if (planned instanceof UpstreamError) {
    const { code, message, hint } = planned;
    const next = hint ?? "Check the database, STUCK_JOBS_DATABASE_URL, and this machine's network.";
    if (code === "unavailable") return [fail("upstream", "fleet", "fleet", message, next)];
    return [fail(code === "auth" ? "token" : "configuration", "fleet", "fleet", message, next)];
  }
  if (planned === null) return [pass("fleet", "fleet", `${where}; the current slot is not planned yet`)];
  if (digest === null || planned.digest === digest)
    return [pass("fleet", "fleet", `${where}; the current slot is of ${planned.host}`)];
  const detail = `this host has the configuration ${digest}, and ${planned.host} planned the current slot by ${planned.digest}`;
  const next = "Give all hosts of the fleet one configuration; stuck-jobs config show prints it.";
  return [fail("configuration", "fleet", "fleet", detail, next)];
}
