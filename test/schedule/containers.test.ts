import { existsSync, utimesSync, writeFileSync } from "node:fs";
import { parse as parseToml } from "smol-toml";
import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { folder, run } from "../e2e/cli.ts";
import { MINUTE, rendered } from "./schedules.ts";
import { standIn } from "./stand-in.ts";

const CONFIG = "/srv/my jobs/.stuck-jobsrc.yaml";

describe("the image", () => {
  it.each(["fly", "kubernetes"] as const)(
    "for %s is made in two stages and runs as a number that is not root",
    (of) => {
      const lines = instructions(rendered(of, "Dockerfile"));
      const stages = lines.filter(({ word }) => word === "FROM").map(({ rest }) => rest);
      expect(stages).toEqual([`node:\${NODE_VERSION}-alpine AS install`, `node:\${NODE_VERSION}-alpine`]);
      const last = lines.slice(lines.findLastIndex(({ word }) => word === "FROM"));
      expect(valuesOf(last, "USER")).toEqual(["1000:1000"]);
      // The tarball, npm's cache and whatever else the first stage holds stay there.
      expect(valuesOf(last, "COPY")[0]).toBe("--from=install /opt/stuck-jobs /opt/stuck-jobs");
      expect(last.findIndex(({ word }) => word === "USER")).toBeGreaterThan(
        last.findLastIndex(({ word }) => word === "RUN"),
      );
    },
  );

  it("is healthy for as long as sweeps come to an end", async () => {
    const lines = instructions(rendered("fly", "Dockerfile", { every: 5 * MINUTE }));
    const [health = ""] = valuesOf(lines, "HEALTHCHECK");
    const [, check = ""] = /CMD (.*)$/.exec(health) ?? [];
    const stamp = `${folder()}/swept`;
    const healthy = async () => (await run("/bin/sh", ["-c", check.replaceAll(/\/tmp\/\S+/g, stamp)], {})).code === 0;
    expect(await healthy()).toBe(false);
    for (const [minutes, expected] of [
      [0, true],
      [13, true],
      [17, false],
    ] as const) {
      writeFileSync(stamp, "");
      const then = Date.now() / 1_000 - minutes * 60;
      utimesSync(stamp, then, then);
      expect([minutes, await healthy()]).toEqual([minutes, expected]);
    }
  });
});

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

describe("Kubernetes", () => {
  it("runs one sweep at a time, ends what hangs, and never stops for good", () => {
    expect(parseYaml(rendered("kubernetes", "cronjob.yaml"))).toMatchObject({
      apiVersion: "batch/v1",
      kind: "CronJob",
      spec: {
        schedule: "*/2 * * * *",
        concurrencyPolicy: "Forbid",
        startingDeadlineSeconds: 60,
        jobTemplate: { spec: { activeDeadlineSeconds: 120, backoffLimit: 0 } },
      },
    });
  });

  it("gives the pod no right but the network", () => {
    const { template } = parseYaml(rendered("kubernetes", "cronjob.yaml")).spec.jobTemplate.spec;
    expect(template.spec).toMatchObject({
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          command: ["stuck-jobs", "recover"],
          resources: { requests: { memory: "128Mi" }, limits: { memory: "256Mi" } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    });
  });

  it("takes token and base from a secret, and nothing secret from the file", () => {
    const [container] = parseYaml(rendered("kubernetes", "cronjob.yaml")).spec.jobTemplate.spec.template.spec
      .containers;
    const fromSecret = (key: string) => ({ name: key, valueFrom: { secretKeyRef: { name: "stuck-jobs", key } } });
    expect(container.env).toEqual([
      { name: "POLLING_INTERVAL_MINUTES", value: "2" },
      fromSecret("AIRTABLE_API_KEY"),
      fromSecret("AIRTABLE_BASE_ID"),
    ]);
  });

  it("mounts the configuration file where the command names it", () => {
    const text = rendered("kubernetes", "cronjob.yaml", { config: CONFIG });
    expect(text).toContain('create configmap stuck-jobs --from-file=".stuck-jobsrc.yaml"');
    expect(parseYaml(text).spec.jobTemplate.spec.template.spec).toMatchObject({
      containers: [
        {
          command: ["stuck-jobs", "recover", "--config", "/etc/stuck-jobs/.stuck-jobsrc.yaml"],
          volumeMounts: [
            { name: "tmp", mountPath: "/tmp" },
            { name: "config", mountPath: "/etc/stuck-jobs", readOnly: true },
          ],
        },
      ],
      volumes: [
        { name: "tmp", emptyDir: { sizeLimit: "1Gi" } },
        { name: "config", configMap: { name: "stuck-jobs" } },
      ],
    });
  });
});

/** The instructions of a Dockerfile, continued lines joined. */
function instructions(text: string): readonly { readonly word: string; readonly rest: string }[] {
  return text
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ word: line.split(" ", 1).join(), rest: line.slice(line.indexOf(" ") + 1) }));
}

function valuesOf(lines: ReturnType<typeof instructions>, wanted: string): readonly string[] {
  return lines.filter(({ word }) => word === wanted).map(({ rest }) => rest);
}
