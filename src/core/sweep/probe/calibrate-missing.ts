import { type Calibration, fileNameOf } from "../../domain/evidence.ts";
import type { OutputProbe } from "../../ports/ports.ts";
import type { Candidate } from "../decide/triage.ts";

/** By what absences are proven. */
export interface AbsenceProof {
  /** Null where no absence has to be proven. */
  readonly calibration: Calibration | null;
  /** Where a 403 means "missing": the URL of the known output that showed it by being there. */
  readonly control: string | null;
  /** Whether the bucket has a key that nobody has: then none of its answers proves anything. */
  readonly answersEverything: boolean;
}

/** What the bucket's answers mean. */
export interface CalibrationResult extends AbsenceProof {
  readonly calibration: Calibration;
}

/**
 * Finds out what "missing" looks like in the bucket. `known` are outputs that were just seen, the best ones first; they
 * make the difference where the bucket answers 403 to a random key. A signed request gets the true 404.
 */
export async function calibrate(
  probe: OutputProbe,
  { names: [[name = ""] = []], externalId }: Pick<Candidate, "names" | "externalId">,
  random: () => number,
  known: readonly string[],
  signal: AbortSignal,
): Promise<CalibrationResult> {
  const withoutControl = (calibration: Calibration, answersEverything = false): CalibrationResult => {
    return { calibration, control: null, answersEverything };
  };
  const randomKeyResult = await probe.probe(probe.urlFor(unusedName(name, externalId, random)), signal);
  const detail = `a random key answers ${randomKeyResult.detail}`;
  if (randomKeyResult.result === "present") return withoutControl({ kind: "failed", detail }, true);
  if (randomKeyResult.result === "absent") return withoutControl({ kind: "missing-is-404", detail });
  if (randomKeyResult.cause !== "forbidden" || probe.signed) return withoutControl({ kind: "failed", detail });
  const answers: string[] = [];
  for (const url of known.slice(0, MAX_KNOWN_PROBES)) {
    const control = await probe.probe(url, signal);
    answers.push(`the known ${fileNameOf(url)} ${control.detail}`);
    if (control.result !== "present") continue;
    const calibration = { kind: "missing-is-403", detail: `${detail}, ${answers.join(", ")}` } as const;
    return { calibration, control: url, answersEverything: false };
  }
  const compared = answers.length === 0 ? "and no known output is there to compare" : answers.join(", ");
  return withoutControl({ kind: "failed", detail: `${detail}, ${compared}` });
}

/** Known outputs that are probed: one may have been deleted since, all of them hardly. */
const MAX_KNOWN_PROBES = 3;

/** Returns a name of the same shape that no job has. */
export function unusedName(name: string, externalId: string, random: () => number): string {
  const id = randomId(random);
  if (name.includes(externalId)) return name.replaceAll(externalId, id);
  const dot = name.lastIndexOf(".");
  return dot === -1 ? id : `${name.slice(0, name.lastIndexOf("/", dot) + 1)}${id}${name.slice(dot)}`;
}

/** Returns an id that looks like those of workers (UUIDs), and that no job has. */
export function randomId(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
