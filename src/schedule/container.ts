import { posix } from "node:path";
import type { ConfigPath, RenderedFile } from "./schedule.ts";

/** The container's working directory, where a `.stuck-jobsrc.yaml` is found without a flag. */
export const CONFIG_FOLDER = "/etc/stuck-jobs";

/** Where a container keeps the journal: what a later run has to know, such as the webhooks that were sent again. */
export const STATE_FOLDER = "/var/lib/stuck-jobs";

/** The file that each sweep writes when it ends, for the health check of the container. */
const METRICS = "/tmp/stuck-jobs.prom";

/** While the base is away `watch` waits up to ten intervals; one more, and it hangs. */
const HEALTHY_INTERVALS = 11;

/** Returns the command of a sweep in a container, word by word. */
export function recoverWords(config: ConfigPath | null): readonly string[] {
  return ["stuck-jobs", "recover", ...configWords(config)];
}

/** Returns the command that sweeps again and again, word by word. */
export function watchWords(config: ConfigPath | null): readonly string[] {
  return ["stuck-jobs", "watch", "--metrics-file", METRICS, ...configWords(config)];
}

/** Returns the flag that names the configuration file inside a container. */
function configWords(config: ConfigPath | null): readonly string[] {
  return config === null ? [] : ["--config", posix.join(CONFIG_FOLDER, posix.basename(config.relative))];
}

/** Renders an image that runs one sweep and ends, for schedulers that start a container for each. */
export function renderSweepImage(target: string): RenderedFile {
  return {
    path: "Dockerfile",
    content: `${image(target, "")}
CMD ["stuck-jobs", "recover"]
`,
  };
}

/** Renders an image that keeps running and sweeps at an interval; it is healthy as long as sweeps come to an end. */
export function renderWatchImage(target: string, minutes: number, config: ConfigPath | null): RenderedFile {
  const copy = config === null ? "" : `COPY ["${posix.basename(config.relative)}", "${CONFIG_FOLDER}/"]\n`;
  return {
    path: "Dockerfile",
    content: `${image(target, copy)}
# Healthy: a sweep, good or bad, came to its end. While the base is away they are up to ten intervals apart.
HEALTHCHECK --interval=60s --timeout=5s --start-period=${minutes * 2}m --retries=1 \\
  CMD test -n "$(find ${METRICS} -mmin -${minutes * HEALTHY_INTERVALS})"
CMD [${watchWords(config)
      .map((word) => JSON.stringify(word))
      .join(", ")}]
`,
  };
}

/** The tarball has no dependencies, so nothing is downloaded; npm's cache and the tarball stay in the first stage. */
function image(target: string, copy: string): string {
  return `# The image of stuck-jobs. Rendered by: stuck-jobs schedule print ${target}
# Put stuck-jobs-*.tgz beside it (\`npm pack\` in a checkout makes it). To build on a base that cannot change, ask for its
# digest (docker buildx imagetools inspect node:24-bookworm-slim) and pass it: --build-arg NODE_IMAGE=<name>@<digest>
ARG NODE_IMAGE=node:24-bookworm-slim

FROM \${NODE_IMAGE} AS install
COPY stuck-jobs-*.tgz /tmp/
RUN npm install --global --offline --no-audit --no-fund --prefix /opt/stuck-jobs /tmp/stuck-jobs-*.tgz

FROM \${NODE_IMAGE}
COPY --from=install /opt/stuck-jobs /opt/stuck-jobs
${copy}ENV PATH="/opt/stuck-jobs/bin:$PATH"
# The journal. It has to outlast the container: mount a volume here.
ENV STATE_DIRECTORY=${STATE_FOLDER}
RUN install --directory --mode=700 --owner=1000 --group=1000 ${STATE_FOLDER}
VOLUME ["${STATE_FOLDER}"]
WORKDIR ${CONFIG_FOLDER}
# The user "node", as a number: Kubernetes cannot see that a name is not root.
USER 1000:1000`;
}
