import { cronCommand, shellWord } from "./quoting.ts";
import type { RenderedFile, Schedule } from "./schedule.ts";

/** The PATH of Debian's cron, with the folder of npm's global programs. */
const SEARCHED = ["/usr/local/bin", "/usr/bin", "/bin"];

/** Renders a crontab of one user: flock keeps runs apart, results go to the log, and errors are mailed. */
export function renderCrontab({ every, config, folders }: Schedule): readonly RenderedFile[] {
  const recover = `stuck-jobs recover${config === null ? "" : ` --config ${shellWord(config.absolute)}`}`;
  const command = [
    `set -a`,
    `. "$HOME/.stuck-jobs.env"`,
    `out=$(flock -n -E 75 "$HOME/.stuck-jobs.lock" ${recover} 2>&1)`,
    `code=$?`,
    `case $code in 0) [ -z "$out" ] || printf '%s\\n' "$out" | logger -t stuck-jobs 2>/dev/null;; 75) ;; *) printf '%s\\n' "\${out:-stuck-jobs ended with $code}";; esac`,
    `exit $code`,
  ].join("; ");
  const path = [...folders.filter((folder) => !SEARCHED.includes(folder)), ...SEARCHED].join(":");
  return [
    {
      path: "stuck-jobs.crontab",
      content: `# stuck-jobs: a sweep every ${every.words}. Rendered by: stuck-jobs schedule print crontab
#
# 1. Put the secrets into a file that only you can read, one NAME=value a line:
#      touch ~/.stuck-jobs.env && chmod 600 ~/.stuck-jobs.env
#      AIRTABLE_API_KEY=pat...
#      AIRTABLE_BASE_ID=app...
# 2. Paste what follows into \`crontab -e\`; or, if you have no other crontab: crontab stuck-jobs.crontab
# 3. cron mails what goes wrong. What a run changed is in the log: journalctl -t stuck-jobs
#    Whether cron ran at all: journalctl -u cron. (Without systemd, both are in /var/log/syslog.)

# Who reads the mail.
MAILTO=root
SHELL=/bin/sh
PATH=${path}
# A run takes at most 75 % of this.
POLLING_INTERVAL_MINUTES=${every.minutes}

# Exit code 75 means that another run is under way, which is no news. Any other failure is, even a silent one.
${every.cron} ${cronCommand(command)}
`,
    },
  ];
}
