import { existsSync } from "node:fs";
import { parse as parseToml } from "smol-toml";
import { describe, expect, it } from "vitest";
import { folder, run } from "../e2e/cli.ts";
import { instructions, MINUTE, rendered, valuesOf } from "./schedules.ts";
import { standIn } from "./stand-in.ts";

const CONFIG = "/srv/my jobs/.stuck-jobsrc.yaml";

describe("Fly", () => {
  it("keeps one machine with supercronic, which reads the crontab that the image holds", () => {
    const toml = parseToml(rendered("fly", "fly.toml"));
    expect(toml).toMatchObject({
      app: "stuck-jobs",
      kill_signal: "SIGTERM",
      kill_timeout: 120,
      build: { dockerfile: "Dockerfile" },
      env: { POLLING_INTERVAL_MINUTES: "2" },
      processes: { cron: "supercronic -passthrough-logs -quiet /etc/stuck-jobs/crontab" },
      restart: [{ policy: "always", processes: ["cron"] }],
      vm: [{ processes: ["cron"] }],
    });
    expect(toml).not.toHaveProperty("http_service");
    const image = instructions(rendered("fly", "Dockerfile"));
    expect(valuesOf(image, "COPY")).toContain('["crontab", "/etc/stuck-jobs/"]');
    expect(valuesOf(image, "CMD").map((words) => JSON.parse(words).join(" "))).toEqual([
      "supercronic -passthrough-logs -quiet /etc/stuck-jobs/crontab",
    ]);
  });

  it("waits at most as long as Fly does for a sweep that is under way", () => {
    expect(parseToml(rendered("fly", "fly.toml", { every: 60 * MINUTE }))).toMatchObject({ kill_timeout: 300 });
  });

  it("has an entry for Cron Manager, as it reads them", () => {
    expect(JSON.parse(rendered("fly", "schedules.json", { every: 10 * MINUTE }))).toEqual([
      expect.objectContaining({
        name: "stuck-jobs",
        app_name: "stuck-jobs",
        schedule: "*/10 * * * *",
        command: "stuck-jobs recover",
        command_timeout: 600,
        enabled: true,
        config: expect.objectContaining({
          env: { POLLING_INTERVAL_MINUTES: "10" },
          auto_destroy: true,
          restart: { policy: "no" },
        }),
      }),
    ]);
  });

  it.each([
    ["ends well", "exit 0", 0],
    ["is kept from running by another run", "exit 75", 0],
    ["fails", "exit 5", 5],
  ])("leaves the trace of a sweep that %s, and reports a failure to supercronic", async (_, script, code) => {
    const home = folder();
    const [line = ""] = rendered("fly", "crontab")
      .split("\n")
      .filter((each) => each !== "" && !each.startsWith("#"));
    const command = line.replace("*/2 * * * * ", "").replaceAll(/\/tmp\/[\w-]+/g, `${home}/swept`);
    const env = { PATH: `${standIn(home, "stuck-jobs", script)}:/usr/bin:/bin` };
    const ran = await run("/bin/sh", ["-c", command], { env });
    expect([ran.code, existsSync(`${home}/swept`)]).toEqual([code, true]);
  });

  it("brings the configuration file into the image, and names it there", () => {
    const image = instructions(rendered("fly", "Dockerfile", { config: CONFIG }));
    expect(valuesOf(image, "COPY")).toContain('["crontab", ".stuck-jobsrc.yaml", "/etc/stuck-jobs/"]');
    const command = "stuck-jobs recover --config /etc/stuck-jobs/.stuck-jobsrc.yaml";
    expect(rendered("fly", "crontab", { config: CONFIG })).toContain(` ${command};`);
    expect(JSON.parse(rendered("fly", "schedules.json", { config: CONFIG }))).toMatchObject([{ command }]);
  });
});
