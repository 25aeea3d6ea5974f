import { posix } from "node:path";
import type { ConfigPath, RenderedFile } from "./schedule.ts";

/** Where a container finds its configuration: its working directory, so a `.stuck-jobsrc.yaml` there needs no flag. */
export const CONFIG_FOLDER = "/etc/stuck-jobs";

/** Where the last sweep's end leaves its trace, for the container's health. */
export const STAMP = "/tmp/stuck-jobs-swept";

/** The sweep as a container runs it, word by word. */
export function recoverWords(config: ConfigPath | null): readonly string[] {
  return config === null ? ["stuck-jobs", "recover"] : ["stuck-jobs", "recover", "--config", configInContainer(config)];
}

/** The configuration file's path inside a container. */
function configInContainer({ relative }: ConfigPath): string {
  return posix.join(CONFIG_FOLDER, posix.basename(relative));
}

/** An image that runs one sweep and ends: for schedulers that start a container for each. */
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

/** An image that stays and sweeps by supercronic, and is healthy as long as sweeps come to their end. */
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

/** The tarball has no dependencies, so that nothing is fetched; npm's cache and the tarball stay behind. */
function installStage(): string {
  return `FROM node:\${NODE_VERSION}-alpine AS install
COPY stuck-jobs-*.tgz /tmp/
RUN npm install --global --offline --no-audit --no-fund --prefix /opt/stuck-jobs /tmp/stuck-jobs-*.tgz`;
}
