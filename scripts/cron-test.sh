#!/usr/bin/env bash
# Debian's own cron runs the rendered crontab against the sandbox, for some six minutes. The first sweep recovers jobs,
# the second little or nothing, and nobody gets mail; then the base goes away, and somebody does.
# As root, on a machine without a mail program: a stub takes the mail. `EVERY=1m` halves the time.
set -euo pipefail
cd "$(dirname "$0")/.."
every=${EVERY:-2m}
user=stuck-jobs-cron-test
sendmail=/usr/sbin/sendmail

[ "$(id -u)" = 0 ] || { echo "cron-test: needs root" >&2; exit 2; }
if ! command -v cron >/dev/null; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends cron
fi
if pgrep -x cron >/dev/null; then echo "cron-test: a cron runs here already" >&2; exit 2; fi
if [ -e "$sendmail" ]; then echo "cron-test: $sendmail is somebody's" >&2; exit 2; fi

work=$(mktemp -d)
mailbox=$work/mailbox
home=$work/home
cron_pid=
sandbox_pid=
cleanup() {
  [ -z "$cron_pid" ] || kill "$cron_pid" 2>/dev/null || true
  [ -z "$sandbox_pid" ] || kill "$sandbox_pid" 2>/dev/null || true
  crontab -u "$user" -r 2>/dev/null || true
  wait
  userdel "$user" 2>/dev/null || true
  rm -rf "$sendmail" "$work"
}
trap cleanup EXIT
say() { echo "$(date +%T) $*"; }
die() {
  echo "cron-test: $*" >&2
  exit 1
}
until_within() { # seconds, then a command that is to succeed
  local rest=$1
  shift
  until "$@"; do
    [ "$rest" -gt 0 ] || return 1
    rest=$((rest - 1))
    sleep 1
  done
}

chmod 755 "$work"
useradd --system --home-dir "$home" --create-home --shell /bin/sh "$user"
: >"$mailbox"
chmod 666 "$mailbox"
printf '#!/bin/sh\ncat >>%s\n' "$mailbox" >"$sendmail"
chmod 755 "$sendmail"

# The program as a user installs it, and a `logger` whose log can be read without a syslog.
node scripts/build.mjs
npm pack --ignore-scripts --silent --pack-destination "$work" >/dev/null
npm install --global --prefix "$work/prefix" --offline --silent --no-audit --no-fund "$work"/stuck-jobs-*.tgz
printf '#!/bin/sh\ncat >>%s\n' "$home/log" >"$work/prefix/bin/logger"
chmod 755 "$work/prefix/bin/logger"
chmod -R a+rX "$work/prefix"
program=$work/prefix/bin/stuck-jobs

as_user=(setpriv --reuid="$user" --regid="$user" --clear-groups
  env -i --chdir="$home" HOME="$home" PATH="$work/prefix/bin:$PATH")
"${as_user[@]}" "$program" sandbox serve >"$home/.stuck-jobs.env" 2>/dev/null &
sandbox_pid=$!
until_within 20 grep -q AIRTABLE_ENDPOINT_URL "$home/.stuck-jobs.env" || die "the sandbox does not serve"
chown "$user" "$home/.stuck-jobs.env"
asked() { # how often the base was asked so far
  (. "$home/.stuck-jobs.env" && curl -fsS "$AIRTABLE_ENDPOINT_URL/sandbox/stats" | sed 's/.*"airtable":\([0-9]*\).*/\1/')
}
asked_more_than() { [ "$(asked)" -gt "$1" ]; }

"${as_user[@]}" "$program" schedule print crontab --every "$every" >"$work/crontab"
sed '1d; /^PATH=/d' "$work/crontab" >"$work/rendered"
[ "$every" != 2m ] || sed '/^PATH=/d' examples/crontab/stuck-jobs.crontab | cmp - "$work/rendered"
crontab -u "$user" "$work/crontab"
say "installed for $user: $(grep -v '^#' "$work/crontab" | tail -1 | cut -c1-60)..."
cron -f -L 15 >/dev/null 2>&1 &
cron_pid=$!

until_within 150 grep -qs recovered "$home/log" || die "no sweep recovered anything: $(cat "$mailbox")"
say "first sweep:"
sed 's/^/    /' "$home/log"
before=$(asked)
until_within 150 asked_more_than "$before" || die "no second sweep came"
sleep 10
say "second sweep: $(($(asked) - before)) requests; the log:"
sed 's/^/    /' "$home/log"
[ ! -s "$mailbox" ] || die "there is mail: $(cat "$mailbox")"
say "the mailbox is empty"

kill "$sandbox_pid"
wait "$sandbox_pid" || true
sandbox_pid=
! asked >/dev/null 2>&1 || die "the sandbox serves on"
say "stopped the sandbox"
# The run goes on asking until its deadline, 75 % of the interval.
until_within 300 test -s "$mailbox" || die "no mail says that the base is gone"
sleep 2
say "mail came:"
sed 's/^/    /' "$mailbox"
grep -qi '^Subject: .*stuck-jobs' "$mailbox" || die "the mail does not say which command it is of"
say "passed"
