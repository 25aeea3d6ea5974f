/** How many of an operation's stuck jobs may be failed in one sweep without a positive control. */
export interface BrakeSettings {
  /** This many are never too many. */
  readonly minimum: number;
  /** Nor is this share of the operation's stuck jobs, 0 to 1. */
  readonly share: number;
  /** At most this many are failed in one run, controls or not. */
  readonly maxFails: number;
}

/** One operation on which the brake came down. */
export interface BlockedOperation {
  readonly operation: string;
  /** Stuck jobs of the operation in this sweep. */
  readonly stuck: number;
  /** How many of them would have been failed. */
  readonly wouldFail: number;
  /** Failed earlier by polling, within `maxAge`, and still without an output. */
  readonly failedBefore: number;
  /** How many fails need no positive control. */
  readonly limit: number;
  readonly reason: "no-positive-control" | "calibration-failed";
  /** What was tried to prove that outputs of this operation can be seen. */
  readonly detail: string;
}

/** Whether failing that many needs proof that the operation's outputs can be seen at all. */
export function failLimit(stuck: number, settings: BrakeSettings): number {
  return Math.max(settings.minimum, Math.floor(stuck * settings.share));
}
