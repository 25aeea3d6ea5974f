import { parse as parseToml } from "smol-toml";
import { describe, expect, it } from "vitest";
import { instructions, MINUTE, rendered, valuesOf } from "./schedules.ts";

const CONFIG = "/srv/my jobs/.stuck-jobsrc.yaml";

describe("Fly", () => {
  it("keeps one machine that sweeps at the interval, with a volume for its journal", () => {
    const toml = parseToml(rendered("fly", "fly.toml"));
    const watch = "stuck-jobs watch --metrics-file /tmp/stuck-jobs.prom";
    expect(toml).toMatchObject({
      app: "stuck-jobs",
      kill_signal: "SIGTERM",
      kill_timeout: 120,
      build: { dockerfile: "Dockerfile" },
      env: { POLLING_INTERVAL_MINUTES: "2" },
      processes: { watch },
      mounts: [{ source: "stuck_jobs_state", destination: "/var/lib/stuck-jobs", processes: ["watch"] }],
      restart: [{ policy: "always", processes: ["watch"] }],
      vm: [{ processes: ["watch"] }],
    });
    expect(toml).not.toHaveProperty("http_service");
    const image = instructions(rendered("fly", "Dockerfile"));
    expect(valuesOf(image, "CMD").map((words) => JSON.parse(words).join(" "))).toEqual([watch]);
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

  it("brings the configuration file into the image, and names it there", () => {
    const image = instructions(rendered("fly", "Dockerfile", { config: CONFIG }));
    expect(valuesOf(image, "COPY")).toContain('[".stuck-jobsrc.yaml", "/etc/stuck-jobs/"]');
    const command = "stuck-jobs recover --config /etc/stuck-jobs/.stuck-jobsrc.yaml";
    expect(parseToml(rendered("fly", "fly.toml", { config: CONFIG }))).toMatchObject({
      processes: { watch: expect.stringContaining("--config /etc/stuck-jobs/.stuck-jobsrc.yaml") },
    });
    expect(JSON.parse(rendered("fly", "schedules.json", { config: CONFIG }))).toMatchObject([{ command }]);
  });
});
