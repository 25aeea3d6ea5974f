import { expect, it } from "vitest";
import { estimateMonthlyRequests } from "../../../src/core/stats/monthly-requests.ts";
import { renderMetrics, requestCounters } from "../../../src/monitoring/metrics.ts";
import { resultOf } from "../../support/reports.ts";

it("a month of sweeps is one request for each, where nothing else is known", () => {
  expect(estimateMonthlyRequests(2, null, 100_000)).toEqual({
    estimate: 21_600,
    quota: 100_000,
    runs: 21_600,
    perRun: 1,
    source: "idle",
  });
});

it("a month of sweeps is what the runs so far took on average, by the metrics file of the base", () => {
  const once = renderMetrics(resultOf([], { requests: { airtable: 3, storage: 9, provider: 0 } }), "");
  const twice = renderMetrics(resultOf([], { requests: { airtable: 1, storage: 0, provider: 0 }, exitCode: 5 }), once);
  const counters = requestCounters(twice, "appTest0000000001");
  expect(counters).toEqual({ requests: 4, runs: 2 });
  expect(requestCounters(twice, "appOther000000001")).toBeNull();
  expect(requestCounters("nonsense", "appTest0000000001")).toBeNull();
  expect(estimateMonthlyRequests(10, counters, 1_000)).toMatchObject({ estimate: 8_640, perRun: 2, source: "metrics" });
});
