import type { Settings } from "../config/settings.ts";
import type { Entry } from "../core/report.ts";
import { nothingDecided } from "./exit-codes.ts";
import type { Invocation } from "./invocation.ts";
import type { Outcome } from "./sweep-once.ts";
import { inWords } from "./words.ts";

/** Tells on stderr what went wrong with a sweep, and which of the jobs that were asked for it did not meet. */
export function tellTrouble(
  { report, fault }: Outcome,
  { storage }: Settings,
  { command, flags, terminal }: Invocation,
): void {
  const tell = (text: string) => terminal.log(`stuck-jobs ${command}: ${text}`);
  if (fault !== null) tell(`${fault.message}${fault.hint === null ? "" : `\n${fault.hint}`}`);
  if (report === null) return;
  if (fault === null && nothingDecided(report)) {
    tell(`nothing could be decided: ${storage.baseUrl} gave no answer for any job`);
  }
  for (const name of flags.job ?? []) {
    if (report.entries.some(({ id, externalId }) => id === name || externalId === name)) continue;
    tell(`${name} is not among the stuck jobs`);
  }
}

/** One decision with its evidence, as key=value. */
export function decisionLine({ id, externalId, operation, age, verdict, applied, error, sightings }: Entry): string {
  const evidence = sightings.map(({ detail }) => detail).join(", ");
  const parts = [
    `job=${id}`,
    `external=${externalId ?? "-"}`,
    `operation=${operation ?? "-"}`,
    `age=${JSON.stringify(inWords(age))}`,
    `verdict=${verdict.kind}`,
    `reason=${verdict.reason}`,
    `applied=${applied}`,
    ...(verdict.detail === "" ? [] : [`detail=${JSON.stringify(verdict.detail)}`]),
    ...(evidence === "" ? [] : [`evidence=${JSON.stringify(evidence)}`]),
    ...(error === null ? [] : [`error=${JSON.stringify(error)}`]),
  ];
  return parts.join(" ");
}
