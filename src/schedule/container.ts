import { posix } from "node:path";
import type { ConfigPath, RenderedFile } from "./schedule.ts";

/** The container's working directory, where a `.stuck-jobsrc.yaml` is found without a flag. */
export const CONFIG_FOLDER = "/etc/stuck-jobs";

/** The file that each completed sweep touches, for the health check of the container. */
export const STAMP = "/tmp/stuck-jobs-swept";

/** Returns the command of a sweep in a container, word by word. */
export function recoverWords(config: ConfigPath | null): readonly string[] {
  return config === null ? ["stuck-jobs", "recover"] : ["stuck-jobs", "recover", "--config", configInContainer(config)];
}

/** Returns the path of the configuration file inside a container. */
function configInContainer({ relative }: ConfigPath): string {
  return posix.join(CONFIG_FOLDER, posix.basename(relative));
}

/** Renders an image that runs one sweep and ends, for schedulers that start a container for each. */
export function renderSweepImage(target: string): RenderedFile {
  return {
    path: "Dockerfile",
    content: `${header(target)}
${installStage()}

FROM node:\${NODE_VERSION}-alpine
COPY --from=install /opt/stuck-jobs /opt/stuck-jobs
ENV PATH="/opt/stuck-jobs/bin:$PATH"
WORKDIR ${CONFIG_FOLDER}
# The user "node", as a number: Kubernetes cannot tell that a name is not root.
USER 1000:1000
CMD ["stuck-jobs", "recover"]
`,
  };
}

/** Renders an image that keeps running and sweeps by supercronic; it is healthy as long as sweeps complete. */
export function renderCronImage(target: string, minutes: number, config: ConfigPath | null): RenderedFile {
  const copied = ["crontab", ...(config === null ? [] : [posix.basename(config.relative)]), `${CONFIG_FOLDER}/`];
  return {
    path: "Dockerfile",
    content: `${header(target)}
${installStage()}

FROM node:\${NODE_VERSION}-alpine
RUN apk add --no-cache supercronic
COPY --from=install /opt/stuck-jobs /opt/stuck-jobs
COPY [${copied.map((path) => JSON.stringify(path)).join(", ")}]
ENV PATH="/opt/stuck-jobs/bin:$PATH"
WORKDIR ${CONFIG_FOLDER}
USER 1000:1000
# Healthy: a sweep, good or bad, came to its end within the last three intervals.
HEALTHCHECK --interval=60s --timeout=5s --start-period=${minutes * 2}m --retries=1 \\
  CMD test -n "$(find ${STAMP} -mmin -${minutes * 3})"
CMD ["supercronic", "-passthrough-logs", "-quiet", "${CONFIG_FOLDER}/crontab"]
`,
  };
}

function header(target: string): string {
  return `# The image of stuck-jobs. Rendered by: stuck-jobs schedule print ${target}
# Put stuck-jobs-*.tgz beside it (\`npm pack\` in a checkout makes it).
ARG NODE_VERSION=20
`;
}

/** The tarball has no dependencies, so nothing is downloaded; npm's cache and the tarball stay in the first stage. */
function installStage(): string {
  return `FROM node:\${NODE_VERSION}-alpine AS install
COPY stuck-jobs-*.tgz /tmp/
RUN npm install --global --offline --no-audit --no-fund --prefix /opt/stuck-jobs /tmp/stuck-jobs-*.tgz`;
}
