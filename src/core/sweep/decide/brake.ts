/** Limits of failing. Beyond `minimum` and `share` of an operation's stuck jobs a positive control is required. */
export interface BrakeSettings {
  /** This many jobs of an operation may always be failed. */
  readonly minimum: number;
  /** So may this share of the operation's stuck jobs, 0 to 1. */
  readonly share: number;
  /** At most this many jobs are failed in one run, with a control or without. */
  readonly maxFails: number;
}

/** Returns how many jobs may be failed without proof that the operation's outputs can be seen at all. */
export function failLimit(stuck: number, settings: BrakeSettings): number {
  return Math.max(settings.minimum, Math.floor(stuck * settings.share));
}
