/** How many jobs may be failed in one sweep. */
export interface BrakeSettings {
  /** So many jobs of an operation may be failed on another operation's control, or on the provider's word alone. */
  readonly minimum: number;
  /** At most this many are failed in one run. */
  readonly maxFails: number;
}
