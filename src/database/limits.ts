/** Limits of a connection, in milliseconds where they are times. */
export interface ConnectionLimits {
  /** At most so many at once. */
  readonly connections: number;
  readonly connectTimeout: number;
  readonly statementTimeout: number;
  readonly lockTimeout: number;
}

export const DEFAULT_LIMITS: ConnectionLimits = {
  connections: 4,
  connectTimeout: 10_000,
  statementTimeout: 30_000,
  lockTimeout: 5_000,
};
