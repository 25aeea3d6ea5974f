import { recoverWords, renderWatchImage, STATE_FOLDER, watchWords } from "./container.ts";
import { shellWord } from "./quoting.ts";
import type { RenderedFile, Schedule } from "./schedule.ts";

/** The region: near the bucket of the preset, which is in New York. */
const REGION = "ewr";

/** Fly ends a machine at the latest this long after it asked it to stop. */
const MOST_KILL_SECONDS = 300;

/**
 * Renders two ways to run sweeps, as Fly's own `--schedule` runs hourly at best: `watch` in a machine that stays
 * (fly.toml, Dockerfile), or an entry for Fly's Cron Manager, which starts a machine for each sweep (schedules.json).
 */
export function renderFly({ every, config }: Schedule): readonly RenderedFile[] {
  const recover = recoverWords(config).map(shellWord).join(" ");
  const watch = watchWords(config).map(shellWord).join(" ");
  const seconds = every.minutes * 60;
  return [
    {
      path: "fly.toml",
      content: `# stuck-jobs on Fly: a sweep every ${every.words}, by \`stuck-jobs watch\`. Rendered by: stuck-jobs schedule print fly
#
# 1. fly apps create stuck-jobs      (another name: change \`app\` below)
# 2. fly secrets set AIRTABLE_API_KEY=pat... AIRTABLE_BASE_ID=app...
# 3. fly volumes create stuck_jobs_state --size 1 --region ${REGION}
# 4. Put stuck-jobs-*.tgz${config === null ? "" : " and the configuration file"} beside this file, then: fly deploy --ha=false
# 5. Once, as the new volume is root's: fly ssh console --command "chown 1000:1000 ${STATE_FOLDER}"
# 6. The log: fly logs. A sweep at once: fly ssh console --command "stuck-jobs recover --verbose"
#
# A machine for each sweep instead: schedules.json, for github.com/fly-apps/cron-manager. Not both. Such machines keep no
# journal: what runs have to remember is then in the jobs' notes alone.

app = "stuck-jobs"
primary_region = "${REGION}"
kill_signal = "SIGTERM"
# A sweep that is under way finishes its write.
kill_timeout = ${Math.min(seconds, MOST_KILL_SECONDS)}

[build]
dockerfile = "Dockerfile"

[env]
# The interval. A run takes at most 75 % of it.
POLLING_INTERVAL_MINUTES = "${every.minutes}"

[processes]
watch = ${JSON.stringify(watch)}

# The journal.
[[mounts]]
source = "stuck_jobs_state"
destination = "${STATE_FOLDER}"
processes = ["watch"]

[deploy]
# The old machine goes before the new one comes: machines do not see each other's lock.
strategy = "immediate"

[[restart]]
policy = "always"
processes = ["watch"]

[[vm]]
size = "shared-cpu-1x"
memory = "256mb"
processes = ["watch"]
`,
    },
    renderWatchImage("fly", every.minutes, config),
    {
      path: "schedules.json",
      content: `${JSON.stringify([cronManagerEntry(every.cron, recover, seconds, every.minutes)], null, 2)}\n`,
    },
  ];
}

/** Renders an entry of Cron Manager's schedules.json: a machine of the app "stuck-jobs" that is removed after the sweep. */
function cronManagerEntry(schedule: string, command: string, seconds: number, minutes: number) {
  return {
    name: "stuck-jobs",
    app_name: "stuck-jobs",
    schedule,
    region: REGION,
    command,
    command_timeout: seconds,
    enabled: true,
    config: {
      image: "registry.fly.io/stuck-jobs:latest",
      env: { POLLING_INTERVAL_MINUTES: String(minutes) },
      guest: { cpu_kind: "shared", cpus: 1, memory_mb: 256 },
      auto_destroy: true,
      disable_machine_autostart: true,
      restart: { policy: "no" },
    },
  };
}
