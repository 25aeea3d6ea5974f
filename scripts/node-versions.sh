#!/usr/bin/env bash
# Runs the build on each Node that is supported: it must do its work, and print no warning, which cron would mail.
set -euo pipefail
cd "$(dirname "$0")/.."
program=$PWD/bin/stuck-jobs.js
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
[ $# -gt 0 ] || set -- 20.18.1 22 24 26
for node in "$@"; do
  mkdir "$folder/$node" && cd "$folder/$node"
  # The second run finds what the first compiled.
  for words in --version --help "scan --sandbox" "doctor --sandbox" "recover --sandbox" "recover --sandbox"; do
    # shellcheck disable=SC2086
    npx --yes --package "node@$node" node "$program" $words >stdout 2>stderr
    if [ -s stderr ]; then
      echo "node $node, $words:" && cat stderr
      exit 1
    fi
  done
  echo "node $node: no complaints"
done
