import type { Interval } from "./interval.ts";
import { shellWord } from "./quoting.ts";
import type { RenderedFile, Schedule } from "./schedule.ts";

/** GitHub starts a schedule no oftener, and later than asked when it is busy. */
const LEAST: Omit<Interval, "calendar"> = { minutes: 5, cron: "*/5 * * * *", words: "5 minutes" };

/**
 * The smoke job for CI: it reads a staging base and writes nothing, and its steps assert the exit codes. GitHub's
 * schedule is too coarse and too unsteady for the sweep itself.
 */
export function renderGithubActions({ every, config }: Schedule): readonly RenderedFile[] {
  const { cron, words } = every.minutes < LEAST.minutes ? LEAST : every;
  const flags = config === null ? "" : ` --config ${shellWord(config.relative)}`;
  return [
    {
      path: "stuck-jobs-smoke.yml",
      content: `# stuck-jobs: a smoke test against a staging base every ${words}; it writes nothing.
# Rendered by: stuck-jobs schedule print github-actions
#
# 1. Copy it to .github/workflows in a repository that holds a checkout of stuck-jobs.
# 2. gh secret set STAGING_AIRTABLE_API_KEY      a token that may only read the staging base
#    gh variable set STAGING_AIRTABLE_BASE_ID --body app...
# 3. The log: gh run list --workflow=stuck-jobs-smoke.yml, then gh run view --log
name: stuck-jobs smoke

on:
  schedule:
    - cron: "${cron}"
  workflow_dispatch:

permissions:
  contents: read

concurrency:
  group: stuck-jobs-smoke
  cancel-in-progress: false

jobs:
  smoke:
    runs-on: ubuntu-latest
    timeout-minutes: 5
    env:
      AIRTABLE_API_KEY: \${{ secrets.STAGING_AIRTABLE_API_KEY }}
      AIRTABLE_BASE_ID: \${{ vars.STAGING_AIRTABLE_BASE_ID }}
    steps:
      - uses: actions/checkout@v4
        with:
          persist-credentials: false
      - uses: actions/setup-node@v4
        with:
          node-version: 20
          cache: npm
      - run: npm ci --no-audit --no-fund
      - name: Scan
        run: |
          code=0
          node bin/stuck-jobs.js scan${flags} --exit-code --output json >scan.json || code=$?
          # 0: nothing is stuck. 10: stuck jobs were found, which is what the tool is for.
          test "$code" -eq 0 || test "$code" -eq 10
          jq .summary scan.json
      - name: Recover, as a dry run
        run: |
          code=0
          node bin/stuck-jobs.js recover${flags} --dry-run --output json >recover.json || code=$?
          test "$code" -eq 0
          jq --exit-status '.dryRun and .summary.errors == 0' recover.json
          jq .summary recover.json
`,
    },
  ];
}
