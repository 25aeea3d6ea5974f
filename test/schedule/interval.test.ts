import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { intervalOf } from "../../src/schedule/interval.ts";
import { MINUTE } from "./schedules.ts";

describe("an interval", () => {
  it.each([
    [1, "* * * * *", "*:*", "minute"],
    [2, "*/2 * * * *", "*:0/2", "2 minutes"],
    [30, "*/30 * * * *", "*:0/30", "30 minutes"],
    [60, "0 * * * *", "*:00", "hour"],
    [720, "0 */12 * * *", "0/12:00", "12 hours"],
    [1440, "0 0 * * *", "00:00", "24 hours"],
  ])("of %s minutes is %s for cron and %s for systemd", (minutes, cron, calendar, words) => {
    expect(intervalOf(minutes * MINUTE)).toEqual({ minutes, cron, calendar, words });
  });

  it.each([0, 30_000, 90_000, 7 * MINUTE, 45 * MINUTE, 90 * MINUTE, 5 * 60 * MINUTE, 2_880 * MINUTE])(
    "of %s ms cannot be kept",
    (duration) => {
      expect(intervalOf(duration)).toBeNull();
    },
  );

  it("is the same between any two starts, over the end of the hour and of the day too", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_000 }), (minutes) => {
        const interval = intervalOf(minutes * MINUTE);
        if (interval === null) return;
        const starts = startsInTwoDays(interval.cron);
        const gaps = new Set(starts.slice(1).map((start, n) => start - (starts[n] ?? 0)));
        expect([...gaps]).toEqual([minutes]);
      }),
    );
  });
});

/** The minutes of two days at which a cron expression of minutes and hours starts. */
function startsInTwoDays(cron: string): readonly number[] {
  const [minute = "", hour = ""] = cron.split(" ");
  const meets = (field: string, value: number) => {
    if (field === "*") return true;
    return field.startsWith("*/") ? value % Number(field.slice(2)) === 0 : value === Number(field);
  };
  return Array.from({ length: 2_880 }, (_, n) => n).filter(
    (n) => meets(minute, n % 60) && meets(hour, Math.floor(n / 60) % 24),
  );
}
