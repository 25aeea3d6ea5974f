/** How many of an operation's stuck jobs may be failed in one sweep without a positive control. */
export interface BrakeSettings {
  /** This many are never too many. */
  readonly minimum: number;
  /** Nor is this share of the operation's stuck jobs, 0 to 1. */
  readonly share: number;
  /** At most this many are failed in one run, controls or not. */
  readonly maxFails: number;
}

/** Whether failing that many needs proof that the operation's outputs can be seen at all. */
export function failLimit(stuck: number, settings: BrakeSettings): number {
  return Math.max(settings.minimum, Math.floor(stuck * settings.share));
}
