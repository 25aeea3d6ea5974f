/** The queues of a fleet: sweeps to be done, and those that failed twice. */
export const QUEUE = "sweeps";
export const DEAD_LETTERS = "dead-sweeps";

/**
 * The sweeps that wait or are held: a condition on the queue's table of jobs, for which pg-boss has an index. The table
 * keeps those of a whole day, a thousand for each that is open.
 */
export const IS_OPEN = "state <= 'active' AND policy = 'exclusive'";

/** The version of the queue's own tables, which the pinned pg-boss needs; a test compares it with the package. */
export const QUEUE_VERSION = 46;

/** A run that a person started, and may ask about each job, holds its base no longer than this, ms. */
export const LONGEST_RUN = 23 * 3_600_000;
