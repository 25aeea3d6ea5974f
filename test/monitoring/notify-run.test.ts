import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { MonitoringSettings } from "../../src/config/resolve/monitoring.ts";
import { monitorRun } from "../../src/monitoring/notify-run.ts";
import type { RunResult } from "../../src/monitoring/run-result.ts";
import { stateFileOf } from "../../src/monitoring/state.ts";
import { systemClock } from "../../src/system/clock.ts";
import { folder } from "../e2e/cli.ts";
import { entry, held, reportOf, resultOf } from "../support/reports.ts";
import { never, testClock } from "../support/servers.ts";
import { receive } from "./receiver.ts";

const NOBODY: MonitoringSettings = {
  metricsFile: null,
  pingUrl: null,
  pingDialect: "healthchecks",
  notifyUrl: null,
  notifyFormat: "json",
  email: null,
  failuresOver: 5,
};
const BRAKED = resultOf([], { report: reportOf([entry(1)], { brake: [held("combine")] }), exitCode: 6 });
const WELL = resultOf([entry(1)]);

/** Monitors some runs in a row, and returns the warnings. */
async function tell(
  settings: Partial<MonitoringSettings>,
  runs: readonly RunResult[],
  { state = folder(), clock = systemClock } = {},
) {
  const warnings: string[] = [];
  for (const result of runs) {
    const watch = monitorRun(
      { ...NOBODY, ...settings },
      {
        env: { STATE_DIRECTORY: state },
        clock,
        signal: never(),
        redact: (text) => text.replaceAll("secret", "[redacted]"),
        warn: (message) => warnings.push(message),
      },
    );
    await watch.finished(result, "one line with a secret");
  }
  return warnings;
}

describe("a ping", () => {
  it.each([
    ["success", WELL, ""],
    ["its exit code", BRAKED, "/6"],
  ])("pings the start and then %s, with the summary, without secrets", async (_, result, path) => {
    const receiver = await receive();
    expect(await tell({ pingUrl: `${receiver.url}/uuid` }, [result])).toEqual([]);
    expect(receiver.received.map(({ path }) => path).sort()).toEqual([`/uuid${path}`, "/uuid/start"].sort());
    const end = receiver.received.find(({ path }) => path !== "/uuid/start");
    expect(end?.body).toMatch(/^one line with a \[redacted\]\n/);
  });
  it("that fails is warned of once, by its host", async () => {
    const receiver = await receive(() => 404);
    const warnings = await tell({ pingUrl: `${receiver.url}/uuid` }, [WELL]);
    expect(warnings).toEqual([`the ping was not taken: 127.0.0.1:${receiver.port}: HTTP 404`]);
  });
  it("of the start that hangs does not hold up the end", async () => {
    const receiver = await receive(({ path }) => (path === "/uuid/start" ? null : 200));
    expect(await tell({ pingUrl: `${receiver.url}/uuid` }, [WELL], { clock: testClock() })).toEqual([]);
    expect(receiver.received.map(({ path }) => path)).toContain("/uuid");
  });
});

describe("the metrics file", () => {
  it("is replaced as a whole, readable by others, with nothing left beside it", async () => {
    const path = join(folder(), "stuck-jobs.prom");
    expect(await tell({ metricsFile: path }, [WELL, WELL])).toEqual([]);
    expect(readFileSync(path, "utf8")).toMatch(/^stuck_jobs_runs_total\{base="appTest0000000001",exit_code="0"\} 2$/m);
    expect(statSync(path).mode & 0o444).toBe(0o444);
    expect(readdirSync(join(path, ".."))).toEqual(["stuck-jobs.prom"]);
  });
  it("that cannot be written is warned of, and what was there stays", async () => {
    const path = join(folder(), "nowhere", "stuck-jobs.prom");
    expect(await tell({ metricsFile: path }, [WELL])).toEqual([expect.stringContaining("ENOENT")]);
    expect(existsSync(path)).toBe(false);
  });
});

describe("a notification", () => {
  it("is sent for a change and not for each run", async () => {
    const receiver = await receive();
    const warnings = await tell({ notifyUrl: receiver.url }, [WELL, BRAKED, BRAKED, WELL, WELL]);
    expect(warnings).toEqual([]);
    expect(receiver.received.map(({ body }) => JSON.parse(body).text.split("\n").length)).toEqual([2, 2]);
    expect(receiver.received[0]).toMatchObject({ type: "application/json", method: "POST" });
  });
  it("that was not taken is sent by the next run, whatever that finds", async () => {
    const receiver = await receive((_, count) => (count <= 1 ? 404 : 200));
    const warnings = await tell({ notifyUrl: receiver.url }, [BRAKED, BRAKED, BRAKED]);
    expect(warnings).toEqual([expect.stringContaining("the next run tries again")]);
    expect(receiver.received).toHaveLength(2);
    expect(JSON.parse(receiver.received[1]?.body ?? "").text).toContain("The brake holds combine");
  });
  it("knows one base from another", async () => {
    const receiver = await receive();
    await tell({ notifyUrl: receiver.url }, [BRAKED, { ...BRAKED, baseId: "appOther000000001" }]);
    expect(receiver.received).toHaveLength(2);
  });
  it.each([
    ["nonsense", "{"],
    ["another form", '{"schema":"stuck-jobs/monitoring@1","conditions":{}}'],
    ["nothing", ""],
  ])("is sent though the state file holds %s", async (_, text) => {
    const receiver = await receive();
    const state = folder();
    writeFileSync(stateFileOf(BRAKED.baseId, { STATE_DIRECTORY: state }), text);
    expect(await tell({ notifyUrl: receiver.url }, [BRAKED, BRAKED], { state })).toEqual([]);
    expect(receiver.received).toHaveLength(1);
  });
  it("is sent though the state cannot be saved, with a warning", async () => {
    const receiver = await receive();
    const state = join(folder(), "a-file");
    writeFileSync(state, "");
    const warnings = await tell({ notifyUrl: receiver.url }, [BRAKED], { state });
    expect(receiver.received).toHaveLength(1);
    expect(warnings).toEqual([expect.stringContaining("cannot be saved")]);
  });
  it("keeps its state where only its user can read it", async () => {
    const receiver = await receive();
    const state = join(folder(), "made");
    await tell({ notifyUrl: receiver.url }, [BRAKED], { state });
    const path = stateFileOf(BRAKED.baseId, { STATE_DIRECTORY: state });
    expect([statSync(path).mode & 0o777, statSync(state).mode & 0o777]).toEqual([0o600, 0o700]);
  });
  it("writes no state where nothing changed", async () => {
    const receiver = await receive();
    const state = folder();
    await tell({ notifyUrl: receiver.url }, [WELL, WELL], { state });
    expect(readdirSync(state)).toEqual([]);
  });
});

describe("the state's folder", () => {
  it.each([
    [{ STATE_DIRECTORY: "/var/lib/stuck-jobs:/var/lib/other" }, "/var/lib/stuck-jobs/app1.json"],
    [{ XDG_STATE_HOME: "/home/me/.state" }, "/home/me/.state/stuck-jobs/app1.json"],
  ])("of %o is %s", (env, expected) => {
    expect(stateFileOf("app1", env)).toBe(expected);
  });
});

describe("a mail through sendmail", () => {
  /** A sendmail that keeps what it reads; `broken` ends with an error instead while that file is there. */
  function sendmail() {
    const place = folder();
    const path = join(place, "sendmail");
    const script = [
      "#!/bin/sh",
      `if [ -e ${place}/broken ]; then cat >/dev/null; echo "no queue" >&2; exit 75; fi`,
      `echo "$*" >>${place}/args; env >${place}/env; cat >>${place}/mails`,
    ];
    writeFileSync(path, script.join("\n"), { mode: 0o755 });
    const read = (name: string) => (existsSync(join(place, name)) ? readFileSync(join(place, name), "utf8") : "");
    return { place, path, read };
  }

  it("is sent for a change and not for each run, and gets no secrets of the environment", async () => {
    const { path, read } = sendmail();
    const email = { to: "ops@example.com, b@example.com", sendmail: path };
    expect(await tell({ email }, [WELL, BRAKED, BRAKED, WELL])).toEqual([]);
    expect(read("args")).toBe("-t -i\n-t -i\n");
    expect(read("mails").match(/^To: ops@example\.com, b@example\.com$/gm)).toHaveLength(2);
    expect(read("mails")).toMatch(/^Subject: stuck-jobs, appTest0000000001: The brake holds combine/m);
    expect(read("env")).not.toContain("STATE_DIRECTORY");
  });
  it("that is not taken is sent by the next run, while the webhook has its own already", async () => {
    const receiver = await receive();
    const { place, path, read } = sendmail();
    writeFileSync(join(place, "broken"), "");
    const settings = { notifyUrl: receiver.url, email: { to: "ops@example.com", sendmail: path } };
    const state = folder();
    const warnings = await tell(settings, [BRAKED], { state });
    expect(warnings).toEqual([
      `the notification was not taken, the next run tries again: ${path}: exit code 75: no queue`,
    ]);
    rmSync(join(place, "broken"));
    expect(await tell(settings, [BRAKED, BRAKED], { state })).toEqual([]);
    expect(read("args")).toBe("-t -i\n");
    expect(receiver.received).toHaveLength(1);
  });
  it("is a warning where there is no such program", async () => {
    const email = { to: "ops@example.com", sendmail: "/nowhere/sendmail" };
    const warnings = await tell({ email }, [BRAKED]);
    expect(warnings).toEqual(["the notification was not taken, the next run tries again: /nowhere/sendmail: ENOENT"]);
  });
});
