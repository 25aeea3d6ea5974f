import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { instructions, rendered, valuesOf } from "./schedules.ts";

const STATE = "/var/lib/stuck-jobs";
const CONFIG = "/srv/my jobs/.stuck-jobsrc.yaml";

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

  it("keeps the journal on a volume that outlasts the pod and that its user may write", () => {
    const { template } = parseYaml(rendered("kubernetes", "cronjob.yaml")).spec.jobTemplate.spec;
    expect(template.spec.securityContext).toMatchObject({ runAsUser: 1000, fsGroup: 1000 });
    expect(template.spec.containers[0].volumeMounts).toContainEqual({ name: "state", mountPath: STATE });
    expect(valuesOf(instructions(rendered("kubernetes", "Dockerfile")), "ENV")).toContain(`STATE_DIRECTORY=${STATE}`);
    expect(template.spec.volumes).toContainEqual({ name: "state", persistentVolumeClaim: { claimName: "stuck-jobs" } });
    expect(parseYaml(rendered("kubernetes", "state.yaml"))).toMatchObject({
      kind: "PersistentVolumeClaim",
      metadata: { name: "stuck-jobs" },
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
            { name: "state", mountPath: "/var/lib/stuck-jobs" },
            { name: "tmp", mountPath: "/tmp" },
            { name: "config", mountPath: "/etc/stuck-jobs", readOnly: true },
          ],
        },
      ],
      volumes: [
        { name: "state", persistentVolumeClaim: { claimName: "stuck-jobs" } },
        { name: "tmp", emptyDir: { sizeLimit: "64Mi" } },
        { name: "config", configMap: { name: "stuck-jobs" } },
      ],
    });
  });
});
