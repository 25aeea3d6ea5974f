import type { BlockedOperation, Report } from "../../core/domain/report.ts";

/** What a person can do about fails that were held back. */
export const BRAKE_HINT = "If they truly died: --force, or fail-old --job <id…> for the ones you know.";

/** One line for each operation on which the brake came down, and one on how to proceed. */
export function brakeLines({ brake }: Report): readonly string[] {
  return brake === null ? [] : [...brake.map(heldLine), `       ${BRAKE_HINT}`];
}

function heldLine({ operation, wouldFail, stuck, limit, detail }: BlockedOperation): string {
  return `Brake: ${wouldFail} of ${stuck} stuck ${operation} jobs would be failed, at most ${limit} without proof: ${detail}.`;
}
