import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { METRICS } from "../../src/monitoring/metrics.ts";

const FOLDER = resolve("examples/monitoring/prometheus");
const RULES = readFileSync(`${FOLDER}/stuck-jobs.rules.yml`, "utf8");
const DASHBOARD = readFileSync("examples/monitoring/grafana/stuck-jobs.json", "utf8");

const SERIES = METRICS.flatMap(({ name, type }) =>
  type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
);
const namesIn = (text: string) => [...new Set(text.match(/\bstuck_jobs_\w+/g))];

interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets?: readonly { readonly expr: string }[];
  }[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

interface RuleTests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
  }[];
}

const { panels, templating }: Dashboard = JSON.parse(DASHBOARD);
const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

describe("the Grafana dashboard", () => {
  it("asks only for metrics that are written", () => {
    expect(namesIn(DASHBOARD).filter((name) => !SERIES.includes(name))).toEqual([]);
  });

  it("is drawn in the docs as it is: npm run docs:dashboard", () => {
    const { stdout } = spawnSync(process.execPath, ["scripts/dashboard.mjs", "--print"], { encoding: "utf8" });
    expect(readFileSync("docs/dashboard.svg", "utf8")).toBe(stdout);
  });

  it("shows every metric that a run writes, but its version and the time of a run that failed", () => {
    const shown = namesIn(queries.join("\n"));
    const left = METRICS.filter(({ name }) => !shown.some((each) => each.startsWith(name))).map(({ name }) => name);
    expect(left).toEqual(["stuck_jobs_last_run_timestamp_seconds", "stuck_jobs_build_info"]);
  });

  it("uses only variables that it declares, and panels that do not overlap", () => {
    const declared = templating.list.map(({ name }) => name);
    const used = [...new Set([...DASHBOARD.matchAll(/\$\{?([a-z]+)/g)].map(([, name]) => name))];
    expect(used.filter((name = "") => !declared.includes(name))).toEqual([]);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });
});

describe("the Prometheus rules", () => {
  const { rules }: { rules: readonly { readonly alert: string }[] } = parse(RULES).groups[0];

  it("ask only for metrics that are written", () => {
    expect(namesIn(RULES).filter((name) => !SERIES.includes(name))).toEqual([]);
  });

  it("each have a test in which they alert, and one in which they are silent", () => {
    const { tests }: RuleTests = parse(readFileSync(`${FOLDER}/stuck-jobs.test.yml`, "utf8"));
    const cases = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
    for (const { alert } of rules) {
      const its = cases.filter(({ alertname }) => alertname === alert);
      const alerts = its.map(({ exp_alerts }) => exp_alerts.length > 0);
      expect([alert, new Set(alerts).size]).toEqual([alert, 2]);
    }
  });

  it("are all in docs/monitoring.md", () => {
    const docs = readFileSync("docs/monitoring.md", "utf8");
    const listed = [...docs.matchAll(/^\| `(StuckJobs\w+)` \|/gm)].map(([, name]) => name);
    expect(listed).toEqual(rules.map(({ alert }) => alert));
  });

  const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;
  it.skipIf(!hasPromtool)("pass their own tests in promtool, where it is installed", () => {
    const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", `${FOLDER}/stuck-jobs.test.yml`], {
      encoding: "utf8",
    });
    expect([status, stdout + stderr]).toEqual([0, expect.stringContaining("SUCCESS")]);
  });
});
