import type { Duration } from "../core/domain/job.ts";

const MINUTE = 60_000;
const MINUTES_A_DAY = 1_440;

/** An interval that cron can keep, as cron and systemd write it. */
export interface Interval {
  readonly minutes: number;
  /** The five fields of a cron expression. */
  readonly cron: string;
  /** A calendar event of systemd.time(7). */
  readonly calendar: string;
  /** For sentences: "2 minutes", "1 hour". */
  readonly words: string;
}

/** The intervals that cron can keep, for messages. */
export const INTERVALS_ALLOWED =
  "1m, 2m, 3m, 4m, 5m, 6m, 10m, 12m, 15m, 20m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h or 24h (cron restarts its count each hour and each day)";

/** Returns the interval of a duration; null if it does not divide an hour or a day: cron would run unevenly. */
export function intervalOf(duration: Duration): Interval | null {
  const minutes = duration / MINUTE;
  if (!Number.isInteger(minutes) || minutes < 1) return null;
  if (60 % minutes === 0 && minutes < 60) {
    return {
      minutes,
      cron: minutes === 1 ? "* * * * *" : `*/${minutes} * * * *`,
      calendar: minutes === 1 ? "*:*" : `*:0/${minutes}`,
      words: minutes === 1 ? "minute" : `${minutes} minutes`,
    };
  }
  if (minutes % 60 !== 0 || MINUTES_A_DAY % minutes !== 0) return null;
  const hours = minutes / 60;
  return {
    minutes,
    cron: hours === 1 ? "0 * * * *" : hours === 24 ? "0 0 * * *" : `0 */${hours} * * *`,
    calendar: hours === 1 ? "*:00" : hours === 24 ? "00:00" : `0/${hours}:00`,
    words: hours === 1 ? "hour" : `${hours} hours`,
  };
}
