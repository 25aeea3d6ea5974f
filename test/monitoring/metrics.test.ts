import { describe, expect, it } from "vitest";
import { METRICS, renderMetrics } from "../../src/monitoring/metrics.ts";
import { NOW } from "../support/builders.ts";
import { entry, held, reportOf, resultOf, verdict } from "../support/reports.ts";

const JOBS = [
  entry(1, { verdict: verdict("output-found"), applied: true }),
  entry(2, { verdict: verdict("output-found"), applied: true, operation: "concatenate" }),
  entry(3, { verdict: verdict("output-absent"), applied: true }),
  entry(4, { verdict: verdict("output-absent"), error: "HTTP 422" }),
  entry(5, { verdict: verdict("storage-unreachable") }),
  entry(6, { verdict: verdict("operation-unknown"), operation: null }),
  entry(7),
];

/** The value of a series, by its name and labels without the base. */
function valueIn(text: string, name: string, labels = ""): number | null {
  const series = `${name}{base="appTest0000000001"${labels === "" ? "" : `,${labels}`}} `;
  const line = text.split("\n").find((each) => each.startsWith(series));
  return line === undefined ? null : Number(line.slice(series.length));
}

describe("the metrics of a run", () => {
  const text = renderMetrics(resultOf(JOBS), "");
  it.each([
    ["stuck_jobs_found", 'operation="combine"', 5],
    ["stuck_jobs_found", 'operation="none"', 1],
    ["stuck_jobs_waiting", 'operation="combine"', 1],
    ["stuck_jobs_skipped", 'operation="none"', 1],
    ["stuck_jobs_unknown", 'operation="combine"', 1],
    ["stuck_jobs_recovered_total", 'operation="combine"', 1],
    ["stuck_jobs_recovered_total", 'operation="concatenate"', 1],
    ["stuck_jobs_failed_total", 'operation="combine"', 1],
    ["stuck_jobs_failed_total", 'operation="concatenate"', 0],
    ["stuck_jobs_errors_total", 'operation="combine"', 1],
    ["stuck_jobs_recovery_age_seconds_bucket", 'operation="combine",le="300"', 0],
    ["stuck_jobs_recovery_age_seconds_bucket", 'operation="combine",le="600"', 1],
    ["stuck_jobs_recovery_age_seconds_bucket", 'operation="combine",le="+Inf"', 1],
    ["stuck_jobs_recovery_age_seconds_sum", 'operation="combine"', 600],
    ["stuck_jobs_recovery_age_seconds_count", 'operation="combine"', 1],
    ["stuck_jobs_requests_total", 'upstream="airtable"', 14],
    ["stuck_jobs_requests_total", 'upstream="storage"', 22],
    ["stuck_jobs_runs_total", 'exit_code="0"', 1],
    ["stuck_jobs_last_run_exit_code", "", 0],
    ["stuck_jobs_last_run_duration_seconds", "", 3.4],
    ["stuck_jobs_last_run_timestamp_seconds", "", (NOW + 3_400) / 1000],
    ["stuck_jobs_last_success_timestamp_seconds", "", (NOW + 3_400) / 1000],
    ["stuck_jobs_build_info", 'version="1.2.3"', 1],
  ])("say %s of %s as %s", (name, labels, expected) => {
    expect(valueIn(text, name, labels)).toBe(expected);
  });

  it("count nothing as recovered or failed that was not written, as in a dry run", () => {
    const planned = JOBS.map((each) => ({ ...each, applied: false }));
    const dryRun = renderMetrics(resultOf(planned), "");
    for (const name of ["recovered_total", "failed_total", "recovery_age_seconds_count"]) {
      expect(valueIn(dryRun, `stuck_jobs_${name}`, 'operation="combine"')).toBe(0);
    }
  });

  it("say how many jobs the brake holds, and 0 where it holds none", () => {
    const braked = renderMetrics(resultOf([], { report: reportOf([], { brake: [held("combine")] }) }), "");
    expect(valueIn(braked, "stuck_jobs_brake_held", 'operation="combine"')).toBe(9);
    expect(valueIn(braked, "stuck_jobs_brake_held", 'operation="concatenate"')).toBe(0);
  });

  it("are in the text format: help and type once before the samples, counters alone end in _total", () => {
    const lines = text.trimEnd().split("\n");
    const names = lines.flatMap((line) => /^# HELP (\S+) \S/.exec(line)?.[1] ?? []);
    expect(new Set(names).size).toBe(names.length);
    let current = "";
    for (const line of lines) {
      const [, kind = "", name = ""] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
      if (kind === "HELP") current = name;
      const type = METRICS.find((metric) => metric.name === current)?.type;
      if (kind === "TYPE") expect(line).toBe(`# TYPE ${current} ${type}`);
      const suffix = type === "histogram" ? "_(bucket|sum|count)" : "";
      if (kind === "")
        expect(line).toMatch(new RegExp(`^${current}${suffix}\\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\\} [0-9.]+$`));
    }
    expect(names).toEqual(METRICS.map(({ name }) => name));
    for (const { name, type } of METRICS) expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
  });

  it("quote the names of operations", () => {
    const odd = renderMetrics(resultOf([entry(1, { operation: 'a"b\\c\nd' })]), "");
    expect(odd).toContain(String.raw`operation="a\"b\\c\nd"} 1`);
    expect(renderMetrics(resultOf(), odd)).not.toContain("NaN");
  });
});

describe("the metrics of the next run", () => {
  const first = renderMetrics(resultOf(JOBS), "");
  it("count on from the file", () => {
    const second = renderMetrics(resultOf(JOBS), first);
    expect(valueIn(second, "stuck_jobs_recovered_total", 'operation="combine"')).toBe(2);
    expect(valueIn(second, "stuck_jobs_requests_total", 'upstream="airtable"')).toBe(28);
    expect(valueIn(second, "stuck_jobs_runs_total", 'exit_code="0"')).toBe(2);
    expect(valueIn(second, "stuck_jobs_recovery_age_seconds_bucket", 'operation="combine",le="600"')).toBe(2);
    expect(valueIn(second, "stuck_jobs_recovery_age_seconds_sum", 'operation="combine"')).toBe(1200);
    expect(valueIn(second, "stuck_jobs_found", 'operation="combine"')).toBe(5);
  });
  it("keep counters of operations and exit codes that did not occur", () => {
    const second = renderMetrics(resultOf([], { operations: ["combine"], exitCode: 3 }), first);
    expect(valueIn(second, "stuck_jobs_recovered_total", 'operation="concatenate"')).toBe(1);
    expect(valueIn(second, "stuck_jobs_runs_total", 'exit_code="0"')).toBe(1);
    expect(valueIn(second, "stuck_jobs_runs_total", 'exit_code="3"')).toBe(1);
  });
  it("after a listing that failed say nothing of the jobs, and keep counters and the last success", () => {
    const later = { report: null, exitCode: 5, finishedAt: NOW + 99_000 };
    const second = renderMetrics(resultOf([], later), first);
    for (const name of ["found", "waiting", "skipped", "unknown", "brake_held"]) {
      expect(second).not.toContain(`stuck_jobs_${name}`);
    }
    expect(valueIn(second, "stuck_jobs_recovered_total", 'operation="combine"')).toBe(1);
    expect(valueIn(second, "stuck_jobs_last_success_timestamp_seconds")).toBe((NOW + 3_400) / 1000);
    expect(valueIn(second, "stuck_jobs_last_run_timestamp_seconds")).toBe((NOW + 99_000) / 1000);
    expect(valueIn(second, "stuck_jobs_last_run_exit_code")).toBe(5);
  });
  it("begin at 0 where the file holds something else, or another base", () => {
    for (const before of ["nonsense\n\u0000{}", first.replaceAll("appTest0000000001", "appOther000000001")]) {
      expect(renderMetrics(resultOf(JOBS), before)).toBe(first);
    }
  });
});
