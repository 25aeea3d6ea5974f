import { systemdWord } from "./quoting.ts";
import type { RenderedFile, Schedule } from "./schedule.ts";

/** The random delay of a start, in seconds, so that machines with the same timer do not send requests all at once. */
const MOST_DELAY_SECONDS = 60;

/** Renders a oneshot service with few permissions but the network, and its timer. */
export function renderSystemd({ every, config }: Schedule): readonly RenderedFile[] {
  const recover = `stuck-jobs recover${config === null ? "" : ` --config ${systemdWord(config.absolute)}`}`;
  const delay = Math.min(MOST_DELAY_SECONDS, Math.floor((every.minutes * 60) / 8));
  return [
    {
      path: "stuck-jobs.service",
      content: `# stuck-jobs: one sweep. Rendered by: stuck-jobs schedule print systemd
#
# As root:
# 1. mkdir -p /etc/stuck-jobs && cd /etc/stuck-jobs
#    touch airtable-api-key && chmod 600 airtable-api-key      # then write the token into it
#    echo AIRTABLE_BASE_ID=app... > env
#    A .stuck-jobsrc.yaml in this folder is found.
# 2. Copy stuck-jobs.service and stuck-jobs.timer to /etc/systemd/system, then
#    systemctl daemon-reload && systemctl enable --now stuck-jobs.timer
# 3. The log: journalctl -u stuck-jobs. The next run: systemctl list-timers stuck-jobs.timer
#    A run at once: systemctl start stuck-jobs

[Unit]
Description=Recover jobs whose webhook was lost
Documentation=man:stuck-jobs(1)
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=${recover}
WorkingDirectory=%E/stuck-jobs
# A run ends by itself after 75 % of the interval; what is still there at its end hangs.
Environment=POLLING_INTERVAL_MINUTES=${every.minutes}
TimeoutStartSec=${every.minutes * 60}
# 75: another run is under way, which is no failure.
SuccessExitStatus=75

# Secrets. systemd reads them as root and hands them to this service alone; one more line for each further secret.
LoadCredential=AIRTABLE_API_KEY:%E/stuck-jobs/airtable-api-key
EnvironmentFile=-%E/stuck-jobs/env

# A user that exists while the service runs, and folders of its own.
DynamicUser=yes
ConfigurationDirectory=stuck-jobs
StateDirectory=stuck-jobs
CacheDirectory=stuck-jobs
# Newer versions of Node keep compiled code here, which makes the start quicker.
Environment=NODE_COMPILE_CACHE=%C/stuck-jobs
UMask=0077

# It needs the network, and nothing else of the machine. MemoryDenyWriteExecute= is missing: Node compiles at run time.
ProtectSystem=strict
${homeAccess(config?.absolute ?? null)}
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
NoNewPrivileges=yes
CapabilityBoundingSet=
LockPersonality=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
`,
    },
    {
      path: "stuck-jobs.timer",
      content: `# stuck-jobs: a sweep every ${every.words}. Rendered by: stuck-jobs schedule print systemd

[Unit]
Description=Recover jobs whose webhook was lost, every ${every.words}
Documentation=man:stuck-jobs(1)

[Timer]
OnCalendar=${every.calendar}
AccuracySec=1s
RandomizedDelaySec=${delay}
# Runs missed while the machine was off need not be made up for: the next one finds the same jobs.
Persistent=false

[Install]
WantedBy=timers.target
`,
    },
  ];
}

/** Hides the home folders, unless the configuration file is in one. */
function homeAccess(config: string | null): string {
  if (config === null || !/^\/(home|root|run\/user)\//.test(config)) return "ProtectHome=yes";
  return `ProtectHome=tmpfs\nBindReadOnlyPaths=${systemdWord(config)}`;
}
