import { posix } from "node:path";
import { CONFIG_FOLDER, recoverWords, renderSweepImage, STATE_FOLDER } from "./container.ts";
import type { ConfigPath, RenderedFile, Schedule } from "./schedule.ts";

/** Renders a CronJob whose pods have no permission but the network, the volume of their journal, and their image. */
export function renderKubernetes({ every, config }: Schedule): readonly RenderedFile[] {
  const seconds = every.minutes * 60;
  return [
    {
      path: "cronjob.yaml",
      content: `# stuck-jobs: a sweep every ${every.words}. Rendered by: stuck-jobs schedule print kubernetes
#
# 1. Build and push the image of the Dockerfile, and put its name below.
# 2. kubectl create secret generic stuck-jobs \\
#      --from-literal=AIRTABLE_API_KEY=pat... --from-literal=AIRTABLE_BASE_ID=app...
${configStep(config)}# 3. kubectl apply -f state.yaml -f cronjob.yaml
# 4. The log: kubectl logs -l app.kubernetes.io/name=stuck-jobs --tail=-1
#    A sweep at once: kubectl create job --from=cronjob/stuck-jobs stuck-jobs-now
apiVersion: batch/v1
kind: CronJob
metadata:
  name: stuck-jobs
  labels: { app.kubernetes.io/name: stuck-jobs }
spec:
  schedule: "${every.cron}"
  # Pods do not see each other's lock: the cluster keeps them apart.
  concurrencyPolicy: Forbid
  # Without it a CronJob that missed 100 starts stays stopped.
  startingDeadlineSeconds: ${seconds / 2}
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      # A run ends by itself after 75 % of the interval; what is still there at its end hangs.
      activeDeadlineSeconds: ${seconds}
      # The next sweep is the retry.
      backoffLimit: 0
      template:
        metadata:
          labels: { app.kubernetes.io/name: stuck-jobs }
        spec:
          restartPolicy: Never
          automountServiceAccountToken: false
          enableServiceLinks: false
          # SIGTERM lets the write in flight finish.
          terminationGracePeriodSeconds: 30
          securityContext:
            runAsNonRoot: true
            runAsUser: 1000
            runAsGroup: 1000
            # Makes the volume writable.
            fsGroup: 1000
            seccompProfile: { type: RuntimeDefault }
          containers:
            - name: stuck-jobs
              image: registry.example.com/stuck-jobs:latest
              command: [${recoverWords(config)
                .map((word) => JSON.stringify(word))
                .join(", ")}]
              env:
                - { name: POLLING_INTERVAL_MINUTES, value: "${every.minutes}" }
                - name: AIRTABLE_API_KEY
                  valueFrom: { secretKeyRef: { name: stuck-jobs, key: AIRTABLE_API_KEY } }
                - name: AIRTABLE_BASE_ID
                  valueFrom: { secretKeyRef: { name: stuck-jobs, key: AIRTABLE_BASE_ID } }
              resources:
                requests: { cpu: 50m, memory: 128Mi }
                limits: { memory: 256Mi }
              securityContext:
                allowPrivilegeEscalation: false
                readOnlyRootFilesystem: true
                capabilities: { drop: [ALL] }
              volumeMounts:
                # The journal, which later runs read.
                - { name: state, mountPath: ${STATE_FOLDER} }
                # Nothing else can be written.
                - { name: tmp, mountPath: /tmp }
${configMount(config)}          volumes:
            - name: state
              persistentVolumeClaim: { claimName: stuck-jobs }
            - name: tmp
              emptyDir: { sizeLimit: 64Mi }
${configVolume(config)}`,
    },
    { path: "state.yaml", content: STATE },
    renderSweepImage("kubernetes"),
  ];
}

const STATE = `# The volume of the journal. Rendered by: stuck-jobs schedule print kubernetes
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: stuck-jobs
  labels: { app.kubernetes.io/name: stuck-jobs }
spec:
  # One pod at a time uses it.
  accessModes: [ReadWriteOnce]
  resources:
    requests: { storage: 1Gi }
`;

function configStep(config: ConfigPath | null): string {
  if (config === null) return "";
  const file = JSON.stringify(posix.basename(config.relative));
  return `#    kubectl create configmap stuck-jobs --from-file=${file}\n`;
}

function configMount(config: ConfigPath | null): string {
  return config === null ? "" : `                - { name: config, mountPath: ${CONFIG_FOLDER}, readOnly: true }\n`;
}

function configVolume(config: ConfigPath | null): string {
  return config === null ? "" : "            - name: config\n              configMap: { name: stuck-jobs }\n";
}
