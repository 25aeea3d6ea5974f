import type { Duration } from "../core/domain/job.ts";
import { SKEW_TOO_FAR, SKEW_WARNED } from "../core/sweep/clock-skew.ts";
import { type CheckResult, pass, warn } from "./check-result.ts";

/** Checks this machine's clock. `skew` is the server's clock minus ours, in ms; null where no answer had a date. */
export function checkClock(skew: Duration | null, whose = "Airtable's"): readonly CheckResult[] {
  if (skew === null) return [];
  const seconds = Math.round(Math.abs(skew) / 1000);
  const apart = `${seconds} s ${skew > 0 ? "behind" : "ahead of"} ${whose}`;
  if (Math.abs(skew) <= SKEW_WARNED) {
    return [pass("clock", "clock", seconds <= 1 ? `agrees with ${whose}` : apart)];
  }
  const consequence = Math.abs(skew) > SKEW_TOO_FAR ? ": no job is failed while they differ this much" : "";
  const next = "Set this machine's clock (timedatectl set-ntp true). In a virtual machine, check the host's clock too.";
  return [warn("clock", "clock", `${apart}${consequence}`, next)];
}
